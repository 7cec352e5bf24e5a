/** What bench/mmu.ts times on worker threads: page faults over tables of four levels, beside raw atomics. */
import {
  createVcpu,
  createVm,
  gpa,
  KVM_MEM_LOG_DIRTY_PAGES,
  type Kvm,
  PAGE_SIZE,
  setUserMemoryRegion,
  type Vcpu,
} from '@faultline/kvm';
import {
  directPageFault,
  fastPageFault,
  guestWrite,
  idToMemslot,
  lastSpte,
  type Memslots,
  mmuLoad,
} from '@faultline/kvm/seams';
import { type Cell, scenario, type Task, u64 } from '@faultline/machine';

const FAULTS = 200_000;
const RAW = 2_000_000;
const PAGES = 8;

interface Timed {
  readonly ops: number;
  readonly ms: number;
}

interface Machine {
  readonly kvm: Kvm;
  readonly vcpus: readonly Vcpu[];
}

/** Real geometry: four levels of 512 entries, every page mapped and written once. */
function* machine(vcpus: number, logging: boolean): Task<Machine> {
  const mmu = { pages: PAGES, frames: PAGES, levels: 4, indexBits: 9 };
  const kvm = yield* createVm({ form: 'modern', mmu, srcu: 'real', cpus: 4 });
  yield* setUserMemoryRegion(kvm, {
    slot: 0,
    flags: logging ? KVM_MEM_LOG_DIRTY_PAGES : 0,
    guestPhysAddr: 0n,
    memorySize: BigInt(PAGES * PAGE_SIZE),
    userspaceAddr: 0n,
  });
  const made: Vcpu[] = [];
  for (let id = 0; id < vcpus; id++) made.push((yield* createVcpu(kvm, id)) as Vcpu);
  for (const vcpu of made) yield* mmuLoad(vcpu);
  for (let page = 0; page < PAGES; page++) yield* guestWrite(made[0] as Vcpu, gpa(page * PAGE_SIZE), 1n);
  return { kvm, vcpus: made };
}

const WRITABLE = 1n << 1n;

/** Faults on one frame; before each, the leaf is made what a harvest, or a zap, leaves behind. */
function* faults(vcpu: Vcpu, page: number, kind: 'fast' | 'slow' | 'none'): Task<Timed> {
  const kvm = vcpu.kvm as Kvm;
  const leaf = yield* lastSpte(vcpu, page as Parameters<typeof lastSpte>[1]);
  const sptep = (leaf as NonNullable<typeof leaf>).sptep;
  const left = kind === 'slow' ? 0n : sptep.peek() & ~WRITABLE;
  const slot = idToMemslot(kvm.memslots.at(0).peek() as Memslots, 0);
  const fault = { gpa: gpa(page * PAGE_SIZE), write: true, spte: left, slots: null, waitFor: [] };
  const start = performance.now();
  for (let i = 0; i < FAULTS; i++) {
    sptep.poke(left);
    if (kind === 'fast') yield* fastPageFault(vcpu, fault, slot as NonNullable<typeof slot>);
    else if (kind === 'slow') yield* directPageFault(vcpu, fault);
  }
  return { ops: FAULTS, ms: performance.now() - start };
}

function raw(cell: Cell<bigint>): Timed {
  const index = cell.addr >>> 3;
  const start = performance.now();
  for (let i = 0n; i < BigInt(RAW); i++) Atomics.compareExchange(u64, index, i, i + 1n);
  return { ops: RAW, ms: performance.now() - start };
}

const common = { source: 'bench', always: {}, sometimes: {}, arenaBytes: 1 << 20 };

function timed(name: string, logging: boolean, kind: 'fast' | 'slow' | 'none') {
  return scenario(`bench/${name}`, {
    ...common,
    *setup() {
      return yield* machine(1, logging);
    },
    threads: {
      *one({ vcpus }: Machine) {
        return yield* faults(vcpus[0] as Vcpu, 0, kind);
      },
    },
  });
}

function together(name: string, pages: readonly [number, number]) {
  return scenario(`bench/${name}`, {
    ...common,
    *setup() {
      return yield* machine(2, true);
    },
    threads: {
      *one({ vcpus }: Machine) {
        return yield* faults(vcpus[0] as Vcpu, pages[0], 'fast');
      },
      *two({ vcpus }: Machine) {
        return yield* faults(vcpus[1] as Vcpu, pages[1], 'fast');
      },
    },
  });
}

export const fast = timed('fast-logging', true, 'fast');
export const fastPlain = timed('fast-no-logging', false, 'fast');
export const slow = timed('slow-logging', true, 'slow');
export const none = timed('preparation', true, 'none');
export const sameFrame = together('fast-same-frame', [0, 0]);
export const otherFrames = together('fast-different-frames', [0, 1]);
export const rawCmpxchg = scenario('bench/raw', {
  ...common,
  *setup() {
    return yield* machine(1, true);
  },
  threads: {
    *one({ kvm }: Machine) {
      const root = kvm.roots.get(0) as NonNullable<ReturnType<typeof kvm.roots.get>>;
      return raw(root.spt.at(100));
    },
  },
});
