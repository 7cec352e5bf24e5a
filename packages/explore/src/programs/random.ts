/**
 * Random small programs over everything that a task can wait for: the oracle test compares the four modes on thousands.
 * A program is a list of steps for each thread, so that a failure prints as data and can be repeated from its seed.
 */
import { type AnyScenario, atomically, choose, retryAfterChange, type Task } from '@faultline/machine';
import { program, type SharedState } from './program.ts';

export type Step = readonly [op: string, x: number, v: number];
export type Plan = readonly (readonly Step[])[];

/** What a family of programs is made of; each name may be listed more than once. */
export interface Flavor {
  readonly name: string;
  readonly ops: readonly string[];
  /** Each program has at least one of these. */
  readonly must: readonly string[];
}

const cells = ['load', 'store', 'cas', 'add', 'if', 'load', 'store'];
export const flavors: readonly Flavor[] = [
  {
    name: 'rwlocks',
    must: ['read lock', 'write lock', 'fair read', 'fair write'],
    ops: [
      ...cells,
      'read lock',
      'write lock',
      'read lock',
      'write lock',
      'fair read',
      'fair write',
      'release',
      'release',
    ],
  },
  {
    name: 'awaits',
    must: ['await', 'await not', 'retry'],
    ops: [...cells, 'await', 'await not', 'await', 'retry', 'atomic'],
  },
  {
    name: 'deadlocks',
    must: ['lock'],
    ops: ['load', 'store', 'lock', 'lock', 'trylock', 'release', 'await', 'lock', 'if'],
  },
  {
    name: 'sections and choices',
    must: ['section', 'synchronize', 'choose'],
    ops: ['load', 'store', 'section', 'section', 'leave', 'synchronize', 'choose', 'if', 'lock'],
  },
];

/** A generator of numbers 0 .. k-1 that repeats itself from its seed. */
export function random(seed: number): (k: number) => number {
  let state = seed >>> 0;
  return (k) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) % k;
  };
}

export function randomPlan(flavor: Flavor, seed: number): Plan {
  const rnd = random(seed);
  const threads = 2 + rnd(2);
  const longest = threads === 2 ? 4 : 3;
  const step = (ops: readonly string[]): Step => [ops[rnd(ops.length)], rnd(2), rnd(2)];
  const plan = Array.from({ length: threads }, () =>
    Array.from({ length: 1 + rnd(longest) }, () => step(flavor.ops)),
  );
  const has = plan.some((steps) => steps.some(([op]) => flavor.must.includes(op)));
  if (!has) plan[rnd(threads)][0] = step(flavor.must);
  return plan;
}

export function planned(plan: Plan): AnyScenario {
  return program(
    'random',
    plan.map((steps) => (s: SharedState) => thread(s, steps)),
    { finalWords: 2, maxSteps: 64 },
  );
}

type Release = () => Task;

function* thread(s: SharedState, steps: readonly Step[]): Task<number> {
  const held: Release[] = [];
  const sections: Release[] = [];
  let seen = 0;
  for (const [op, x, v] of steps) {
    if (op === 'release') yield* held.pop()?.() ?? nothing();
    else if (op === 'leave') yield* sections.pop()?.() ?? nothing();
    else if (op === 'section') {
      const idx = yield* s.srcu.readLock();
      sections.push(() => s.srcu.readUnlock(idx));
    } else if (isLock(op)) yield* take(s, op, x, held);
    else seen = (seen * 5 + (yield* access(s, op, x, v))) & 0xffff;
  }
  for (const release of [...sections.reverse(), ...held.reverse()]) yield* release();
  return seen;
}

function* nothing(): Task {}

function isLock(op: string): boolean {
  return ['lock', 'trylock', 'read lock', 'write lock', 'fair read', 'fair write'].includes(op);
}

function* take(s: SharedState, op: string, x: number, held: Release[]): Task {
  if (op === 'lock') {
    yield* s.lock(x).lock();
    held.push(() => s.lock(x).unlock());
  } else if (op === 'trylock') {
    if ((yield* s.lock(x).tryLock()) === 1) held.push(() => s.lock(x).unlock());
  } else {
    const lock = op.startsWith('fair') ? s.fairRwlock : s.rwlock;
    if (op.includes('read')) {
      yield* lock.readLock();
      held.push(() => lock.readUnlock());
    } else {
      yield* lock.writeLock();
      held.push(() => lock.writeUnlock());
    }
  }
}

function* access(s: SharedState, op: string, x: number, v: number): Task<number> {
  const cell = s.word(x);
  switch (op) {
    case 'load':
      return yield* cell.readOnce();
    case 'store':
      yield* cell.writeOnce(v);
      return 0;
    case 'cas':
      return yield* cell.cmpxchg(v, 1 - v);
    case 'add':
      return yield* cell.fetchAdd(1);
    case 'if':
      if ((yield* cell.readOnce()) === v) yield* s.word(1 - x).writeOnce(1);
      return 0;
    case 'await':
      return yield* cell.awaitEqual(v);
    case 'await not':
      return yield* cell.awaitDiffers(v);
    case 'retry':
      yield* retryAfterChange([[cell, yield* cell.readOnce()]]);
      return 1;
    case 'atomic':
      yield* atomically([s.word(0) as never, s.word(1) as never], 'write');
      s.word(x).poke(s.word(1 - x).peek() + 1);
      return 0;
    case 'choose':
      return yield* choose('outcome', 2);
    default:
      yield* s.srcu.synchronize();
      return 0;
  }
}
