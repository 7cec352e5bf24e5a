/** Goal: the order of locks that an exploration reports is the order in which its threads asked for them. */
import { irqsOff, mutex, scenario, spinlock, struct } from '@faultline/machine';
import { expect, test } from 'vitest';
import { explore } from '../explore.ts';
import { replay } from '../replay.ts';

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

const Device = struct('device', { quiet: irqsOff(spinlock), plain: spinlock }, { as: 'dev' });
type Device = ReturnType<typeof Device.alloc>;

const interrupts = scenario('locks/interrupts', {
  source: 'this test',
  *setup() {
    return Device.alloc();
  },
  threads: {
    *off({ quiet, plain }: Device) {
      yield* quiet.lock();
      yield* plain.lock();
      yield* plain.unlock();
      yield* quiet.unlock();
    },
    *on({ quiet, plain }: Device) {
      yield* plain.lock();
      yield* plain.unlock();
      yield* quiet.lockWithIrqsOn();
      yield* quiet.unlock();
    },
  },
  always: {},
  sometimes: {},
});

test('interrupts are off where a lock that switches them off is taken or held, and on elsewhere', () => {
  const seen = explore(interrupts).locks.map(
    ({ lock, threads, irqsOff: off }) => `${threads} ${lock} ${off ? 'off' : 'on'}`,
  );
  expect(seen.sort()).toEqual([
    'off dev->plain off',
    'off dev->quiet off',
    'on dev->plain on',
    'on dev->quiet on',
  ]);
});

test('the execution that is kept for a request leads to it, and not past it', () => {
  for (const { lock, held, threads, schedules } of explore(inverse).locks) {
    const [schedule] = schedules as [(typeof schedules)[number]];
    const again = replay(inverse, schedule);
    expect(again.divergence).toBeNull();
    const next = again.locks.filter((use) => use.schedules[0]?.threads.length === schedule.threads.length);
    expect(next).toContainEqual(expect.objectContaining({ lock, held, threads }));
  }
});

const early = scenario('locks/early', {
  source: 'this test',
  *setup() {
    return Device.alloc();
  },
  threads: {
    *one({ quiet, plain }: Device) {
      yield* quiet.lock();
      yield* plain.lock();
      yield* quiet.unlock();
      yield* plain.unlock();
    },
  },
  always: {},
  sometimes: {},
});

test('a lock that is held when interrupts come back on is noted', () => {
  const noted = ({ locks }: ReturnType<typeof explore>) =>
    locks.filter(({ asked }) => asked === 'irqs_on').map(({ lock, irqsOff: off }) => `${lock} ${off}`);
  expect(noted(explore(early))).toEqual(['dev->plain false']);
  expect(noted(explore(interrupts))).toEqual([]);
});

test('a system of more locks than a small key holds still has each told apart', () => {
  const names = Array.from({ length: 600 }, (_, i) => `l${i}`);
  const Many = struct('many', Object.fromEntries(names.map((name) => [name, mutex])), { as: 'many' });
  const { locks } = explore(
    scenario('locks/many', {
      source: 'this test',
      *setup() {
        return Many.alloc();
      },
      threads: {
        *one(many: ReturnType<typeof Many.alloc>) {
          for (const name of names) {
            yield* many[name].lock();
            yield* many[name].unlock();
          }
        },
      },
      always: {},
      sometimes: {},
    }),
    { bounds: { maxSteps: 2000 } },
  );
  expect(new Set(locks.map(({ lock }) => lock)).size).toBe(600);
});
