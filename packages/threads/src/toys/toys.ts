/** @area toys */
/** Small scenarios that show what the harness does; tests run them, nothing else does. */
import {
  type AnyScenario,
  at,
  choose,
  LockWords,
  retryAfterChange,
  scenario,
  type ViewType,
} from '@faultline/machine';
import { failing } from './failing.ts';
import { Node, setUpToy, type Toy } from './toy.ts';

const storeBuffering = scenario('toys/store-buffering', {
  source: 'toy',
  setup: setUpToy,
  threads: {
    *left(toy: Toy) {
      yield* toy.x.writeOnce(1);
      return yield* toy.y.readOnce();
    },
    *right(toy: Toy) {
      yield* toy.y.writeOnce(1);
      return yield* toy.x.readOnce();
    },
  },
  always: { 'one of them sees the other': ({ results }) => results.left === 1 || results.right === 1 },
  sometimes: { 'both see the other': ({ results }) => results.left === 1 && results.right === 1 },
});

/** Each thread adds one under `lock`, several times. */
function* addUnder(toy: Toy, kind: 'mutex' | 'spinlock' | 'rwlock' | 'fair') {
  for (let i = 0; i < 20; i++) {
    if (kind === 'mutex') yield* toy.lock.lock();
    else if (kind === 'spinlock') yield* toy.spin.lock();
    else if (kind === 'rwlock') yield* toy.table.writeLock();
    else yield* toy.fair.writeLock();
    toy.count = toy.count + 1;
    if (kind === 'mutex') yield* toy.lock.unlock();
    else if (kind === 'spinlock') yield* toy.spin.unlock();
    else if (kind === 'rwlock') yield* toy.table.writeUnlock();
    else yield* toy.fair.writeUnlock();
  }
}

function* readUnder(toy: Toy, fair: boolean) {
  const lock = fair ? toy.fair : toy.table;
  let torn = 0;
  for (let i = 0; i < 20; i++) {
    yield* lock.readLock();
    const before = toy.count;
    yield* toy.x.readOnce();
    if (toy.count !== before) torn++;
    yield* lock.readUnlock();
  }
  return torn;
}

const counters = (['mutex', 'spinlock', 'rwlock', 'fair'] as const).map((kind) =>
  scenario(`toys/lost-addition-${kind}`, {
    source: 'toy',
    setup: setUpToy,
    threads: {
      *first(toy: Toy) {
        yield* addUnder(toy, kind);
      },
      *second(toy: Toy) {
        yield* addUnder(toy, kind);
      },
      *third(toy: Toy) {
        if (kind === 'rwlock' || kind === 'fair') return yield* readUnder(toy, kind === 'fair');
        yield* addUnder(toy, kind);
        return 0;
      },
    },
    always: {
      'no addition is lost': (_, toy) => toy.count === (kind === 'rwlock' || kind === 'fair' ? 40 : 60),
      'no reader sees a change': ({ results }) => results.third === 0,
      'locks are free at the end': (_, toy) =>
        [toy.lock, toy.spin, toy.table, toy.fair].every(({ addr }) => isFree(addr)),
    },
    sometimes: {},
    final: (toy) => toy.count,
  }),
);

function isFree(addr: number): boolean {
  const { word, waiters } = LockWords.at(addr);
  return word.peek() === 0 && waiters.peek() === 0;
}

const unprotected = scenario('toys/lost-addition-bare', {
  source: 'toy',
  setup: setUpToy,
  threads: {
    *first(toy: Toy) {
      for (let i = 0; i < 50; i++) yield* toy.x.fetchAdd(1, at('toys.first_addition'));
    },
    *second(toy: Toy) {
      for (let i = 0; i < 50; i++) guard_addition: yield* toy.x.fetchAdd(1, at('toys.second_addition'));
    },
  },
  always: { 'no addition is lost': (_, toy) => toy.x.peek() === 100 },
  sometimes: {},
  final: (toy) => toy.x.peek(),
});

const handOver = scenario('toys/hand-over', {
  source: 'toy',
  setup: setUpToy,
  threads: {
    *giver(toy: Toy) {
      const node = Node.alloc();
      node.value = 7;
      const old = yield* toy.node.xchg(node);
      yield* toy.srcu.synchronize();
      Node.free(old as ViewType<typeof Node>);
      yield* toy.number.fetchAdd(2 ** 40);
      yield* toy.big.fetchOr(1n << 63n);
    },
    *taker(toy: Toy) {
      const idx = yield* toy.srcu.readLock();
      const node = yield* toy.node.rcuDereference();
      const value = node?.value ?? 0;
      yield* toy.srcu.readUnlock(idx);
      yield* toy.number.awaitEqual(2 ** 40);
      const big = yield* toy.big.readOnce();
      if (big === 0n) yield* retryAfterChange([[toy.big, big]]);
      const chosen = yield* choose('which', 3);
      return { value, big: yield* toy.big.readOnce(), chosen };
    },
  },
  always: {
    'the taker reads a live node': ({ results }) => [1, 7].includes(results.taker.value),
    'the mark arrives': ({ results }) => results.taker.big === 1n << 63n,
  },
  sometimes: { 'the old node is read': ({ results }) => results.taker.value === 1 },
  final: (toy) => ({ number: toy.number.peek(), big: toy.big.peek() }),
});

export const toys: readonly AnyScenario[] = [storeBuffering, ...counters, unprotected, handOver, ...failing];
