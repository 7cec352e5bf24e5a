/**
 * How fast the threads platform is: programs that time themselves, one or two threads each. Not part of the catalogue:
 * they claim nothing. A thread returns nanoseconds an operation.
 */

import type { Gfn } from '@faultline/kvm';
import { createVcpu, createVm, type Kvm, PAGE_SIZE, setUserMemoryRegion, type Vcpu } from '@faultline/kvm';
import { vcpuGfnToMemslot } from '@faultline/kvm/seams';
import {
  type AnyScenario,
  cell32,
  cell53,
  cell64,
  mutex,
  rwlock,
  scenario,
  spinlock,
  srcu,
  struct,
  type Task,
  u32,
  u64,
  type ViewType,
} from '@faultline/machine';

const Bench = struct('speed_bench', {
  narrow: cell32,
  number: cell53,
  wide: cell64,
  mutex,
  spinlock,
  rwlock,
  srcu,
});

interface Machine {
  readonly bench: ViewType<typeof Bench>;
  readonly kvm: Kvm;
  readonly vcpus: readonly Vcpu[];
}

const ITERATIONS = 10_000;
/** Each update takes memory that is not given back within a round. */
const UPDATES = 40;
const SLOTS = 3;

type Program = (machine: Machine, thread: number) => Task<number>;

const programs: Readonly<Record<string, Program>> = {
  *rawCmpxchg32({ bench }: Machine): Task<number> {
    const index = bench.narrow.addr >>> 2;
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) Atomics.compareExchange(u32, index, 0, 0);
    return since(began, ITERATIONS);
  },
  *cellCmpxchg32({ bench }) {
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) yield* bench.narrow.cmpxchg(0, 0);
    return since(began, ITERATIONS);
  },
  *rawCmpxchg64({ bench }: Machine): Task<number> {
    const index = bench.wide.addr >>> 3;
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) Atomics.compareExchange(u64, index, 0n, 0n);
    return since(began, ITERATIONS);
  },
  *cellCmpxchg64({ bench }) {
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) yield* bench.wide.cmpxchg(0n, 0n);
    return since(began, ITERATIONS);
  },
  *cellCmpxchg53({ bench }) {
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) yield* bench.number.cmpxchg(0, 0);
    return since(began, ITERATIONS);
  },
  *rawLoad32({ bench }: Machine): Task<number> {
    const index = bench.narrow.addr >>> 2;
    let sum = 0;
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) sum += Atomics.load(u32, index);
    return since(began, ITERATIONS + sum);
  },
  *cellReadOnce32({ bench }) {
    let sum = 0;
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) sum += yield* bench.narrow.readOnce();
    return since(began, ITERATIONS + sum);
  },
  *mutex({ bench }) {
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) {
      yield* bench.mutex.lock();
      yield* bench.mutex.unlock();
    }
    return since(began, ITERATIONS);
  },
  *spinlock({ bench }) {
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) {
      yield* bench.spinlock.lock();
      yield* bench.spinlock.unlock();
    }
    return since(began, ITERATIONS);
  },
  *rwlockRead({ bench }) {
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) {
      yield* bench.rwlock.readLock();
      yield* bench.rwlock.readUnlock();
    }
    return since(began, ITERATIONS);
  },
  *srcuRead({ bench }) {
    const began = performance.now();
    for (let i = 0; i < ITERATIONS; i++) {
      const idx = yield* bench.srcu.readLock();
      yield* bench.srcu.readUnlock(idx);
    }
    return since(began, ITERATIONS);
  },
  *memslotLookup(machine, thread) {
    return yield* lookUp(machine, thread);
  },
  *memslotUpdate({ kvm }, thread) {
    return yield* update(kvm, thread);
  },
};

/** Two threads only: the first updates, the second looks up. */
const mixed: Readonly<Record<string, readonly [Program, Program]>> = {
  memslotUpdateBesideLookups: [programs.memslotUpdate, programs.memslotLookup],
};

function* lookUp({ kvm, vcpus }: Machine, thread: number): Task<number> {
  const vcpu = vcpus[thread] as Vcpu;
  const began = performance.now();
  for (let i = 0; i < ITERATIONS; i++) {
    const idx = yield* kvm.srcu.readLock();
    yield* vcpuGfnToMemslot(vcpu, (i % SLOTS) as Gfn);
    yield* kvm.srcu.readUnlock(idx);
  }
  return since(began, ITERATIONS);
}

/** Moves a slot of one page to and fro above the others. */
function* update(kvm: Kvm, thread: number): Task<number> {
  const began = performance.now();
  for (let i = 0; i < UPDATES; i++) yield* setSlot(kvm, SLOTS + thread, 8 + 2 * thread + (i & 1));
  return since(began, UPDATES);
}

function* setSlot(kvm: Kvm, slot: number, gfn: number): Task {
  const result = yield* setUserMemoryRegion(kvm, {
    slot,
    flags: 0,
    guestPhysAddr: BigInt(gfn * PAGE_SIZE),
    memorySize: BigInt(PAGE_SIZE),
    userspaceAddr: BigInt(slot * PAGE_SIZE),
  });
  if (result < 0) throw new Error(`slot ${slot} at frame ${gfn}: ${result}`);
}

function* machine(): Task<Machine> {
  const bench = Bench.alloc();
  bench.srcu.init('real', 2);
  const kvm = yield* createVm({ srcu: 'real', tableEntries: 16, userMemSlots: 8 });
  for (let slot = 0; slot < SLOTS; slot++) yield* setSlot(kvm, slot, slot);
  for (let thread = 0; thread < 2; thread++) yield* setSlot(kvm, SLOTS + thread, 9 + 2 * thread);
  const vcpus: Vcpu[] = [];
  for (let id = 0; id < 2; id++) vcpus.push((yield* createVcpu(kvm, id)) as Vcpu);
  return { bench, kvm, vcpus };
}

const kebab = (name: string) => name.replace(/[A-Z0-9]+/g, (c) => `-${c.toLowerCase()}`);
const shape = { source: 'none: a benchmark', arenaBytes: 1 << 20, setup: machine, always: {}, sometimes: {} };

const alone = Object.entries(programs).map(([name, program]) =>
  scenario(`speed/${kebab(name)}`, {
    ...shape,
    threads: {
      *one(m: Machine) {
        return yield* program(m, 0);
      },
    },
  }),
);

const together = Object.entries({
  ...Object.fromEntries(
    Object.entries(programs).map(([name, program]) => [name, [program, program] as const]),
  ),
  ...mixed,
}).map(([name, [first, second]]) =>
  scenario(`speed/${kebab(name)}-together`, {
    ...shape,
    threads: {
      *one(m: Machine) {
        return yield* first(m, 0);
      },
      *two(m: Machine) {
        return yield* second(m, 1);
      },
    },
  }),
);

export const speedScenarios: readonly AnyScenario[] = [...alone, ...together];

function since(began: number, operations: number): number {
  return ((performance.now() - began) * 1e6) / operations;
}
