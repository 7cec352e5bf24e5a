/**
 * How fast the threads platform is: programs that time themselves, one or two threads each. Not part of the catalogue:
 * they claim nothing. A thread returns nanoseconds an operation.
 */

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
}

const ITERATIONS = 10_000;

type Program = (machine: Machine) => Task<number>;

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
};

function* machine(): Task<Machine> {
  const bench = Bench.alloc();
  bench.srcu.init('real', 2);
  yield* bench.narrow.writeOnce(0);
  return { bench };
}

const kebab = (name: string) => name.replace(/[A-Z0-9]+/g, (c) => `-${c.toLowerCase()}`);
const shape = { source: 'none: a benchmark', setup: machine, always: {}, sometimes: {} };

const alone = Object.entries(programs).map(([name, program]) =>
  scenario(`speed/${kebab(name)}`, {
    ...shape,
    threads: {
      *one(m: Machine) {
        return yield* program(m);
      },
    },
  }),
);

const together = Object.entries(programs).map(([name, program]) =>
  scenario(`speed/${kebab(name)}-together`, {
    ...shape,
    threads: {
      *one(m: Machine) {
        return yield* program(m);
      },
      *two(m: Machine) {
        return yield* program(m);
      },
    },
  }),
);

export const speedScenarios: readonly AnyScenario[] = [...alone, ...together];

function since(began: number, operations: number): number {
  return ((performance.now() - began) * 1e6) / operations;
}
