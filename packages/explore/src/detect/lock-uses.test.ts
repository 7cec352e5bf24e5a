/** Goal: the order of locks that an exploration reports is the order in which its threads asked for them. */
import { mutex, scenario, struct } from '@faultline/machine';
import { expect, test } from 'vitest';
import { explore } from '../explore.ts';

const Pair = struct('pair', { a: mutex, b: mutex }, { as: 'pair' });
type Pair = ReturnType<typeof Pair.alloc>;

const inverse = scenario('locks/inverse', {
  source: 'this test',
  *setup() {
    return Pair.alloc();
  },
  threads: {
    *one(pair: Pair) {
      yield* pair.a.lock();
      yield* pair.b.lock();
      yield* pair.b.unlock();
      yield* pair.a.unlock();
    },
    *two(pair: Pair) {
      yield* pair.b.lock();
      yield* pair.a.lock();
      yield* pair.a.unlock();
      yield* pair.b.unlock();
    },
  },
  always: {},
  sometimes: {},
});

const spelled = ({ locks }: ReturnType<typeof explore>) =>
  locks
    .map(({ lock, held, threads }) => `${threads} ${[...held.map((h) => h.lock), lock].join(' -> ')}`)
    .sort();

test('each request is noted once, with what was held and who asked', () => {
  expect(spelled(explore(inverse))).toEqual([
    'one pair->a',
    'one pair->a -> pair->b',
    'two pair->b',
    'two pair->b -> pair->a',
  ]);
});

test('nothing is noted if nobody wants to know', () => {
  expect(explore(inverse, { lockUses: false }).locks).toEqual([]);
});
