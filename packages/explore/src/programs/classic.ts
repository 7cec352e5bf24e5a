/** Programs whose number of Mazurkiewicz traces is known: what every partial-order reduction is measured with. */
import type { AnyScenario, Task } from '@faultline/machine';
import { program, type SharedState, times } from './program.ts';

/** One writer, `n` readers of one word: 2^n traces. */
export function readers(n: number): AnyScenario {
  return program('readers', [store(0, 42), ...times(n, () => load(0))]);
}

/** A reader looks for the last zero while `n` writers each copy their left neighbour plus one: (n+3)·2^(n-2). */
export function lastzero(n: number): AnyScenario {
  const search = function* (s: SharedState): Task<number> {
    let i = n;
    while ((yield* s.word(i).readOnce()) !== 0) i--;
    return i;
  };
  const writer = (j: number) =>
    function* (s: SharedState): Task {
      const left = yield* s.word(j - 1).readOnce();
      yield* s.word(j).writeOnce(left + 1);
    };
  return program('lastzero', [search, ...times(n, writer, 1)]);
}

/** Threads insert into a hash table with cmpxchg; only from 12 threads on do they collide. */
export function indexer(n: number): AnyScenario {
  const inserter = (t: number) =>
    function* (s: SharedState): Task {
      for (let m = 1; m <= 4; m++) {
        const w = m * 11 + t;
        let h = (w * 7) % 128;
        while ((yield* s.word(h).cmpxchg(0, w)) !== 0) h = (h + 1) % 128;
      }
    };
  return program('indexer', times(n, inserter));
}

const INODES = 32;
const BLOCKS = 26;

/** Flanagan and Godefroid's file system: inodes take blocks, a mutex for each. */
export function filesystem(n: number): AnyScenario {
  const lockInode = (s: SharedState, i: number) => s.lock(i);
  const lockBlock = (s: SharedState, b: number) => s.lock(INODES + b);
  const inode = (s: SharedState, i: number) => s.word(i);
  const busy = (s: SharedState, b: number) => s.word(INODES + b);
  const allocator = (t: number) =>
    function* (s: SharedState): Task {
      const i = t % INODES;
      yield* lockInode(s, i).lock();
      if ((yield* inode(s, i).readOnce()) === 0) {
        let b = (i * 2) % BLOCKS;
        for (;;) {
          yield* lockBlock(s, b).lock();
          if ((yield* busy(s, b).readOnce()) === 0) {
            yield* busy(s, b).writeOnce(1);
            yield* inode(s, i).writeOnce(b + 1);
            yield* lockBlock(s, b).unlock();
            break;
          }
          yield* lockBlock(s, b).unlock();
          b = (b + 1) % BLOCKS;
        }
      }
      yield* lockInode(s, i).unlock();
    };
  return program('filesystem', times(n, allocator, 1));
}

/** n! */
export function ainc(n: number): AnyScenario {
  return program(
    'ainc',
    times(n, () => add(0)),
    { finalWords: 1 },
  );
}

/** (n!)² */
export function binc(n: number): AnyScenario {
  const both = function* (s: SharedState): Task {
    yield* s.word(0).fetchAdd(1);
    yield* s.word(1).fetchAdd(1);
  };
  return program(
    'binc',
    times(n, () => both),
  );
}

/** n! */
export function writers(n: number): AnyScenario {
  return program(
    'writers',
    times(n, (i) => store(0, i), 1),
    { finalWords: 1 },
  );
}

/** n! */
export function lockinc(n: number): AnyScenario {
  const increment = function* (s: SharedState): Task {
    yield* s.lock(0).lock();
    yield* s.word(0).writeOnce((yield* s.word(0).readOnce()) + 1);
    yield* s.lock(0).unlock();
  };
  return program(
    'lockinc',
    times(n, () => increment),
    { finalWords: 1 },
  );
}

/** Store buffering around a ring: 2^n - 1. */
export function sbRing(n: number): AnyScenario {
  const thread = (i: number) =>
    function* (s: SharedState): Task<number> {
      yield* s.word(i).writeOnce(1);
      return yield* s.word((i + 1) % n).readOnce();
    };
  return program('sb-ring', times(n, thread));
}

/** Two threads add up Fibonacci numbers for `n` rounds: 3, 19, 141. */
export function fib(n: number): AnyScenario {
  const adder = (first: number, second: number) =>
    function* (s: SharedState): Task {
      for (let k = 0; k < n; k++) {
        const a = yield* s.word(first).readOnce();
        const b = yield* s.word(second).readOnce();
        yield* s.word(first).writeOnce(a + b);
      }
    };
  return program('fib', [adder(0, 1), adder(1, 0)], { init: { 0: 1, 1: 1 }, finalWords: 2 });
}

/** Each thread `CAS(x, 0, i); x = i`: 6, 66, 1200 for 2, 3, 4. A cmpxchg's outcome depends on the order. */
export function casw(n: number): AnyScenario {
  const thread = (i: number) =>
    function* (s: SharedState): Task {
      yield* s.word(0).cmpxchg(0, i);
      yield* s.word(0).writeOnce(i);
    };
  return program('casw', times(n, thread, 1), { finalWords: 1 });
}

/** Two mutexes in opposite order: 2 traces and a deadlock. */
export function abba(): AnyScenario {
  return program('abba', [twoLocks(0, 1), twoLocks(1, 0)]);
}

/** `n` mutexes around a ring: for 3, 6 traces and a deadlock. */
export function lockRing(n: number): AnyScenario {
  return program(
    'lock-ring',
    times(n, (i) => twoLocks(i, (i + 1) % n)),
  );
}

/** Two readers and a writer of a rwlock: 4. */
export function rwlockReaders(): AnyScenario {
  const reader = function* (s: SharedState): Task<number> {
    yield* s.rwlock.readLock();
    const x = yield* s.word(0).readOnce();
    yield* s.rwlock.readUnlock();
    return x;
  };
  const writer = function* (s: SharedState): Task {
    yield* s.rwlock.writeLock();
    yield* s.word(0).writeOnce(1);
    yield* s.rwlock.writeUnlock();
  };
  return program('rwlock-readers', [reader, reader, writer]);
}

/** `n++; r x; n--` beside `x=5; await n==0; x=9`: 4. */
export function countToZero(): AnyScenario {
  const reader = function* (s: SharedState): Task<number> {
    yield* s.word(0).fetchAdd(1);
    const x = yield* s.word(1).readOnce();
    yield* s.word(0).fetchAdd(0xffff_ffff);
    return x;
  };
  const writer = function* (s: SharedState): Task {
    yield* s.word(1).writeOnce(5);
    yield* s.word(0).awaitEqual(0);
    yield* s.word(1).writeOnce(9);
  };
  return program('count-to-zero', [reader, writer]);
}

/** `x=1; x=0` beside `await x==0`: 2. */
export function passingValue(): AnyScenario {
  const writer = function* (s: SharedState): Task {
    yield* s.word(0).writeOnce(1);
    yield* s.word(0).writeOnce(0);
  };
  const waiter = function* (s: SharedState): Task {
    yield* s.word(0).awaitEqual(0);
  };
  return program('passing-value', [writer, waiter]);
}

/** The execution that a published checker lost: `ok` must be reached. */
export function soundness(): AnyScenario {
  const [a, b, c, ok] = [0, 1, 2, 3];
  const one = function* (s: SharedState): Task {
    yield* s.word(a).writeOnce(1);
    yield* s.word(b).writeOnce(1);
  };
  const two = function* (s: SharedState): Task {
    yield* s.word(c).writeOnce(1);
    yield* s.word(c).writeOnce(2);
    yield* s.word(c).writeOnce(3);
    yield* s.word(b).writeOnce(2);
  };
  const three = function* (s: SharedState): Task {
    if ((yield* s.word(c).readOnce()) === 2 && (yield* s.word(b).readOnce()) === 0)
      yield* s.word(ok).writeOnce(1);
  };
  return program('soundness', [one, two, three], { finalWords: 4 });
}

function load(i: number) {
  return function* (s: SharedState): Task<number> {
    return yield* s.word(i).readOnce();
  };
}

function store(i: number, value: number) {
  return function* (s: SharedState): Task {
    yield* s.word(i).writeOnce(value);
  };
}

function add(i: number) {
  return function* (s: SharedState): Task<number> {
    return yield* s.word(i).fetchAdd(1);
  };
}

function twoLocks(first: number, second: number) {
  return function* (s: SharedState): Task {
    yield* s.lock(first).lock();
    yield* s.lock(second).lock();
    yield* s.lock(second).unlock();
    yield* s.lock(first).unlock();
  };
}
