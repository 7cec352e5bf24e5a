/** A VM whose memory is logged, and a migration that copies what the log names. */
import {
  createVcpu,
  createVm,
  KVM_MEM_LOG_DIRTY_PAGES,
  setUserMemoryRegion,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
import { getDirtyLog, KVM_DIRTY_GFN_F_DIRTY, type MmStruct, mmuLoad, PG_DIRTY } from '@faultline/kvm/seams';
import { type Cell, cell32, type StructType, struct, type Task, type View } from '@faultline/machine';
import type { MmuVm } from './mmu-vm.ts';
import { region } from './small-vm.ts';

interface Progress extends View {
  /** Writes of the guest that have ended. */
  readonly writes: Cell<number>;
}

const Progress: StructType<Progress> = struct('guest_progress', { writes: cell32 }, { as: 'guest' });

export interface DirtyVm extends MmuVm {
  readonly progress: Progress;
}

export interface DirtyOptions
  extends Pick<VmOptions, 'dirtyLogManualProtect' | 'dirtyLogInitiallySet' | 'dirtyRing'> {
  readonly mmu?: Partial<NonNullable<VmOptions['mmu']>>;
  /** Of the slot; logging when left out. */
  readonly flags?: number;
}

/** One vCPU, one page in slot 0, tables of one level, unless the options say otherwise. */
export function* dirtyVm(options: DirtyOptions = {}): Task<DirtyVm> {
  const mmu = { pages: 1, frames: 1, ...options.mmu };
  const kvm = yield* createVm({ ...options, mmu });
  yield* setUserMemoryRegion(kvm, region(0, mmu.pages, { flags: options.flags ?? KVM_MEM_LOG_DIRTY_PAGES }));
  const vcpu = yield* createVcpu(kvm, 0);
  if (typeof vcpu === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${vcpu}`);
  yield* mmuLoad(vcpu);
  return { kvm, vcpu, mm: kvm.mmStruct as MmStruct, progress: Progress.alloc() };
}

/** What a harvest named, and what the page held when it was copied. */
export interface Copied {
  readonly dirty: boolean;
  readonly copied: bigint;
  /** Writes that had ended before the harvest was asked for. */
  readonly before: number;
}

/** One round of a migration: harvest, then copy page 0 if the harvest names it. */
export function* harvestAndCopy({ kvm, mm, progress }: DirtyVm): Task<Copied> {
  const before = yield* progress.writes.loadAcquire();
  const log = yield* getDirtyLog(kvm, 0);
  const dirty = Array.isArray(log) && log[0] === 1;
  return { dirty, copied: dirty ? yield* mm.page.at(0).content.readOnce() : 0n, before };
}

/** Pages that the vCPU's dirty ring names, and that user space has not taken. */
export function ringPages({ dirtyRing: ring }: Vcpu): number[] {
  const pages: number[] = [];
  for (let i = 0; ring !== null && i < ring.size; i++) {
    const entry = ring.gfns.at(i);
    if (entry.flags.peek() === KVM_DIRTY_GFN_F_DIRTY) pages.push(entry.offset);
  }
  return pages;
}

/** A page, page 0 when left out, is in the next harvest: in the bitmap, in the hardware's log, or in a ring. */
export function inNextHarvest({ kvm, vcpu }: DirtyVm, page = 0): boolean {
  const word = kvm.memslots.at(0).peek()?.gfnTree?.dirtyBitmap?.words.at(0).peek() ?? 0;
  if (((word >>> page) & 1) === 1) return true;
  for (let i = 0; i < vcpu.pml.count; i++) if (vcpu.pml.gfns.get(i) === page) return true;
  return ringPages(vcpu).includes(page);
}

/** A page, page 0 when left out, is what its copy is, or the next harvest says that it is not. */
export const copiedOrLogged = (copied: bigint, vm: DirtyVm, page = 0): boolean =>
  vm.mm.page.at(page).content.peek() === copied || inNextHarvest(vm, page);

/** The page's Dirty bit stands in its entry, or has been passed on to the host. */
export function hostKnows({ kvm, mm }: DirtyVm): boolean {
  const spte = kvm.roots.get(0)?.spt.at(0).peek() ?? 0n;
  return (spte & (1n << 9n)) !== 0n || (mm.page.at(0).flags.peek() & PG_DIRTY) !== 0;
}
