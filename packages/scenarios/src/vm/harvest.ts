/**
 * A VMM that collects dirty pages, in each of the three ways that KVM has: from KVM_GET_DIRTY_LOG alone, with
 * KVM_CLEAR_DIRTY_LOG, and from rings. When a harvest returns, the next write to a page that it names is logged again, so
 * the page may be copied.
 */
import {
  clearDirtyLog,
  getDirtyLog,
  type Kvm,
  reapDirtyRing,
  resetDirtyRings,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
import {
  array,
  type Cell,
  cell32,
  type Elements,
  type Mutex,
  mutex,
  type StructType,
  struct,
  type Task,
  u32Field,
  type View,
} from '@faultline/machine';

export type Collection = 'dirty-log' | 'clear-log' | 'dirty-ring';

/** What a VM needs for its pages to be collected so. `ring`: entries. */
export function collectionOptions(collection: Collection, ring: number): VmOptions {
  if (collection === 'clear-log') return { dirtyLogManualProtect: true };
  return collection === 'dirty-ring' ? { dirtyRing: { entries: ring } } : {};
}

/** The VMM's own account of pages that rings named: whoever takes entries holds `lock`. */
export interface Vmm extends View {
  readonly lock: Mutex;
  /** Entries taken from the ring of each vCPU. */
  readonly taken: Elements<number>;
  readonly bitmap: Elements<Cell<number>>;
}

export const Vmm: StructType<Vmm> = struct(
  'vmm',
  { lock: mutex, taken: array(u32Field, 8), bitmap: array(cell32) },
  { as: 'vmm' },
);

export function allocVmm(pages: number): Vmm {
  return Vmm.alloc(Math.ceil(pages / 32) * 4);
}

export interface Harvested {
  readonly kvm: Kvm;
  readonly vcpus: readonly Vcpu[];
  readonly vmm: Vmm;
  readonly pages: number;
}

/** Takes the dirty pages of slot 0: one bit a page, 32 a word. Throws if an ioctl fails. */
export function* harvest(machine: Harvested, collection: Collection): Task<number[]> {
  if (collection === 'dirty-ring') return yield* harvestRings(machine);
  const log = yield* getDirtyLog(machine.kvm, 0);
  if (!Array.isArray(log)) throw new Error(`KVM_GET_DIRTY_LOG returned ${log}`);
  if (collection === 'dirty-log') return log;
  const cleared = yield* clearDirtyLog(machine.kvm, {
    slot: 0,
    firstPage: 0,
    numPages: machine.pages,
    bitmap: log,
  });
  if (cleared !== 0) throw new Error(`KVM_CLEAR_DIRTY_LOG returned ${cleared}`);
  return log;
}

function* harvestRings(machine: Harvested): Task<number[]> {
  const { vmm, pages } = machine;
  yield* makeRoom(machine);
  const taken: number[] = [];
  yield* vmm.lock.lock();
  for (let word = 0; word * 32 < pages; word++) taken.push(yield* vmm.bitmap.at(word).xchg(0));
  yield* vmm.lock.unlock();
  return taken;
}

/** Takes what stands in every ring, notes it, and resets. Also what a vCPU's thread does when its ring is full. */
export function* makeRoom({ kvm, vcpus, vmm }: Harvested): Task {
  yield* vmm.lock.lock();
  for (let i = 0; i < vcpus.length; i++) {
    const taken = vmm.taken.get(i) as number;
    const reaped = yield* reapDirtyRing(vcpus[i] as Vcpu, taken);
    vmm.taken.set(i, taken + reaped.length);
    for (const { offset } of reaped) yield* vmm.bitmap.at(offset >>> 5).fetchOr((1 << (offset & 31)) >>> 0);
  }
  yield* resetDirtyRings(kvm);
  yield* vmm.lock.unlock();
}

/** Whether a harvest names the page. */
export function names(log: readonly number[], page: number): boolean {
  return ((log[page >>> 5] ?? 0) & (1 << (page & 31))) !== 0;
}
