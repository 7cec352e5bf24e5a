/** Counterexamples are as simple as can be, and say whether that is proven. */
import { expect, test } from 'vitest';
import { formatDiagram } from './diagram.ts';
import { explore } from './explore.ts';
import { minimise } from './minimise.ts';
import * as classic from './programs/classic.ts';
import { device } from './programs/device.ts';
import { fastPageFault } from './programs/kvm-cores.ts';
import { locks } from './programs/locks.ts';
import { races } from './programs/races.ts';

test('the lost dirty bit needs one preemption, proven', () => {
  const broken = fastPageFault(1, false);
  const [finding] = explore(broken).findings;
  const small = minimise(broken, finding);
  expect([small.preemptions, small.contextSwitches, small.proven]).toEqual([1, 2, true]);
  expect(small.summary).toBe('no violation with at most 0 preemptions, this one has 1');
  expect(formatDiagram(small.trace, small.finding, { title: 'a dirty bit is lost' })).toBe(
    `a dirty bit is lost

t0                                   t1
--------                             --------
s->x[0] == 2
                                     s->x[0] == 2
                                     cmpxchg(&s->x[0], 2, 3) == 2
                                     s->x[0] == 3
                                     cmpxchg(&s->x[0], 3, 7) == 3
                                     s->x[1] = 1
s->x[0] = 0

=> not always: a guest write leaves a dirty bit`,
  );
});

test('a counterexample in many switches is brought down to two', () => {
  const six = function* (dev: Parameters<Parameters<typeof device>[1][0]>[0]) {
    for (let k = 0; k < 4; k++) yield* dev.count.fetchAdd(1);
    return (yield* dev.flag.readOnce()) === 1;
  };
  const broken = device('many-switches', [
    six,
    function* (dev) {
      for (let k = 0; k < 4; k++) yield* dev.flag.writeOnce(k % 2);
      yield* dev.other.unlock();
    },
  ]);
  const scenario = { ...broken };
  const [finding] = explore(scenario, { mode: 'naive', stopAtFirst: true }).findings;
  const zigzag = {
    ...finding,
    schedule: { threads: [0, 1, 0, 1, 0, 1, 0, 1, 0, 1], choices: new Array<number>(10).fill(0) },
  };
  const small = minimise(scenario, zigzag);
  expect([small.preemptions, small.proven]).toEqual([0, true]);
  expect(small.contextSwitches).toBeLessThanOrEqual(1);
});

test('a deadlock is shown with both waits and its cycle', () => {
  const [finding] = explore(classic.abba()).findings;
  const small = minimise(classic.abba(), finding);
  expect(small.finding.cycle).toEqual(['t0', 't1']);
  expect(formatDiagram(small.trace, small.finding)).toContain('mutex_lock(&s->lock[0]) /* waits */');
});

test('without effort the best found is said to be just that', () => {
  const broken = fastPageFault(2, false);
  const [finding] = explore(broken).findings;
  const small = minimise(broken, finding, { maxExecutions: 1 });
  expect(small.proven).toBe(false);
  expect(small.summary).toMatch(/best found/);
});

for (const { kind, what, broken } of [...races, ...locks]) {
  test(`${kind}: ${what}: a minimal diagram of at most 72 columns and 20 rows`, () => {
    const finding = explore(broken).findings.find((f) => f.kind === kind)!;
    const small = minimise(broken, finding);
    expect(small.proven).toBe(true);
    const lines = formatDiagram(small.trace, small.finding).split('\n');
    expect(lines.length).toBeLessThanOrEqual(26);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(72);
    expect(lines.at(-1)).not.toBe('');
  });
}
