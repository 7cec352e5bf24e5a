/** Strategies that prove nothing say so, and find what they are made for. */
import { expect, test } from 'vitest';
import { explore } from './explore.ts';
import * as classic from './programs/classic.ts';
import { fastPageFault } from './programs/kvm-cores.ts';

test('a random walk finds the lost dirty bit, and repeats itself from its seed', () => {
  const walk = () =>
    explore(fastPageFault(1, false), { strategy: { kind: 'random', executions: 500, seed: 7 } });
  const found = walk();
  expect(found.verdict).toBe('violated');
  expect(found.counts.complete).toBe(500);
  expect(walk().findings).toEqual(found.findings);
});

test('priorities with one change find a bug of depth two', () => {
  const found = explore(fastPageFault(1, false), {
    strategy: { kind: 'pct', executions: 500, seed: 7, depth: 2 },
  });
  expect(found.verdict).toBe('violated');
});

test('a bound on preemptions hides what needs more, and never claims a proof', () => {
  const strategy = (bound: number) => ({ strategy: { kind: 'preemptions', bound } as const });
  expect(explore(fastPageFault(1, false), strategy(0)).verdict).toBe('inconclusive');
  expect(explore(fastPageFault(1, false), strategy(1)).verdict).toBe('violated');
  expect(explore(classic.readers(3), strategy(9)).verdict).toBe('inconclusive');
});
