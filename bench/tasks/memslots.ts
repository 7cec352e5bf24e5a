/** What bench/memslots.ts times on worker threads: look-ups as an exit does them, updates, and raw atomics beside them. */
import {
  createVcpu,
  createVm,
  gfn,
  KVM_MEM_LOG_DIRTY_PAGES,
  type Kvm,
  PAGE_SIZE,
  setUserMemoryRegion,
  type UserspaceMemoryRegion,
  type Vcpu,
} from '@faultline/kvm';
import { vcpuGfnToMemslot } from '@faultline/kvm/seams';
import { type Cell, cell64, scenario, struct, type Task, u64 } from '@faultline/machine';

const LOOKUPS = 300_000;
const UPDATES = 5_000;
const RAW = 3_000_000;
const SLOTS = 32;

/** Operations of one thread and the milliseconds that they took. */
interface Timed {
  readonly ops: number;
  readonly ms: number;
}

interface Machine {
  readonly kvm: Kvm;
  readonly vcpus: readonly Vcpu[];
  readonly words: readonly Cell<bigint>[];
}

const Words = struct('bench_words', { first: cell64, second: cell64 });

function* machine(vcpus: number): Task<Machine> {
  const kvm = yield* createVm({
    form: 'modern',
    userMemSlots: SLOTS,
    tableEntries: SLOTS * 4,
    srcu: 'real',
    cpus: 4,
  });
  for (let slot = 0; slot < SLOTS; slot++) yield* setUserMemoryRegion(kvm, page(slot, 0));
  const made: Vcpu[] = [];
  for (let id = 0; id < vcpus; id++) made.push((yield* createVcpu(kvm, id)) as Vcpu);
  const words = Words.alloc();
  return { kvm, vcpus: made, words: [words.first, words.second] };
}

function page(slot: number, flags: number): UserspaceMemoryRegion {
  return {
    slot,
    flags,
    guestPhysAddr: BigInt(slot * 4 * PAGE_SIZE),
    memorySize: BigInt(2 * PAGE_SIZE),
    userspaceAddr: BigInt(slot * 2 * PAGE_SIZE),
  };
}

/** Section, look-up, section end: what an exit pays before it does anything. */
function* lookUps(vcpu: Vcpu, count: number): Task<Timed> {
  const kvm = vcpu.kvm as Kvm;
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const idx = yield* kvm.srcu.readLock();
    yield* vcpuGfnToMemslot(vcpu, gfn((i % SLOTS) * 4));
    yield* kvm.srcu.readUnlock(idx);
  }
  return { ops: count, ms: performance.now() - start };
}

/** Toggles a flag: two swaps' worth of work less the INVALID phase. */
function* updates(kvm: Kvm, count: number): Task<Timed> {
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    yield* setUserMemoryRegion(kvm, page(0, i % 2 === 0 ? KVM_MEM_LOG_DIRTY_PAGES : 0));
  }
  return { ops: count, ms: performance.now() - start };
}

/** No cell, no platform: the floor. */
function raw(cell: Cell<bigint>, count: number): Timed {
  const index = cell.addr >>> 3;
  const start = performance.now();
  for (let i = 0n; i < BigInt(count); i++) Atomics.compareExchange(u64, index, i, i + 1n);
  return { ops: count, ms: performance.now() - start };
}

function* cells(cell: Cell<bigint>, count: number): Task<Timed> {
  const start = performance.now();
  for (let i = 0n; i < BigInt(count); i++) yield* cell.cmpxchg(i, i + 1n);
  return { ops: count, ms: performance.now() - start };
}

const common = { source: 'bench', always: {}, sometimes: {}, arenaBytes: 64 << 20 };

export const lookups1 = scenario('bench/lookups-one-thread', {
  ...common,
  *setup() {
    return yield* machine(1);
  },
  threads: {
    *one({ vcpus }: Machine) {
      return yield* lookUps(vcpus[0] as Vcpu, LOOKUPS);
    },
  },
});

export const lookups2 = scenario('bench/lookups-two-threads', {
  ...common,
  *setup() {
    return yield* machine(2);
  },
  threads: {
    *one({ vcpus }: Machine) {
      return yield* lookUps(vcpus[0] as Vcpu, LOOKUPS);
    },
    *two({ vcpus }: Machine) {
      return yield* lookUps(vcpus[1] as Vcpu, LOOKUPS);
    },
  },
});

export const updates1 = scenario('bench/updates-alone', {
  ...common,
  *setup() {
    return yield* machine(1);
  },
  threads: {
    *one({ kvm }: Machine) {
      return yield* updates(kvm, UPDATES);
    },
  },
});

export const updates2 = scenario('bench/updates-beside-lookups', {
  ...common,
  *setup() {
    return yield* machine(1);
  },
  threads: {
    *updater({ kvm }: Machine) {
      return yield* updates(kvm, UPDATES);
    },
    *reader({ vcpus }: Machine) {
      return yield* lookUps(vcpus[0] as Vcpu, LOOKUPS);
    },
  },
});

export const raw1 = scenario('bench/raw-cmpxchg-one-thread', {
  ...common,
  *setup() {
    return yield* machine(1);
  },
  threads: {
    *one({ words }: Machine) {
      return raw(words[0] as Cell<bigint>, RAW);
    },
  },
});

export const raw2 = scenario('bench/raw-cmpxchg-two-threads', {
  ...common,
  *setup() {
    return yield* machine(1);
  },
  threads: {
    *one({ words }: Machine) {
      return raw(words[0] as Cell<bigint>, RAW);
    },
    *two({ words }: Machine) {
      return raw(words[1] as Cell<bigint>, RAW);
    },
  },
});

export const cells1 = scenario('bench/cell-cmpxchg-one-thread', {
  ...common,
  *setup() {
    return yield* machine(1);
  },
  threads: {
    *one({ words }: Machine) {
      return yield* cells(words[0] as Cell<bigint>, RAW);
    },
  },
});
