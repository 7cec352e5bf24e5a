/** Counts that any correct explorer must reproduce: complete executions under sequential consistency. */
import type { AnyScenario } from '@faultline/machine';
import { expect, test } from 'vitest';
import type { Mode } from './exploration.ts';
import { explore } from './explore.ts';
import * as classic from './programs/classic.ts';
import { fastPageFault, memslotGeneration } from './programs/kvm-cores.ts';

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));

/** Name, program, complete executions, deadlocked ones, modes that are affordable. */
const all: Mode[] = ['naive', 'sleep', 'source', 'optimal'];
const reduced: Mode[] = ['sleep', 'source', 'optimal'];
const dpor: Mode[] = ['source', 'optimal'];
const rows: [string, AnyScenario, number, number, Mode[]][] = [
  ['readers(3)', classic.readers(3), 8, 0, all],
  ['readers(8)', classic.readers(8), 256, 0, reduced],
  ['lastzero(2)', classic.lastzero(2), 5, 0, all],
  ['lastzero(3)', classic.lastzero(3), 12, 0, all],
  ['lastzero(4)', classic.lastzero(4), 28, 0, reduced],
  ['lastzero(5)', classic.lastzero(5), 64, 0, reduced],
  ['lastzero(10)', classic.lastzero(10), 3328, 0, ['optimal']],
  ['indexer(12)', classic.indexer(12), 8, 0, dpor],
  ['filesystem(14)', classic.filesystem(14), 2, 0, dpor],
  ['filesystem(16)', classic.filesystem(16), 8, 0, dpor],
  ['filesystem(18)', classic.filesystem(18), 32, 0, dpor],
  ['ainc(4)', classic.ainc(4), 24, 0, all],
  ['ainc(6)', classic.ainc(6), 720, 0, reduced],
  ['binc(3)', classic.binc(3), 36, 0, all],
  ['binc(4)', classic.binc(4), factorial(4) ** 2, 0, reduced],
  ['writers(5)', classic.writers(5), 120, 0, all],
  ['lockinc(3)', classic.lockinc(3), 6, 0, all],
  ['lockinc(5)', classic.lockinc(5), 120, 0, reduced],
  ['sbRing(2)', classic.sbRing(2), 3, 0, all],
  ['sbRing(3)', classic.sbRing(3), 7, 0, all],
  ['sbRing(4)', classic.sbRing(4), 15, 0, all],
  ['fib(1)', classic.fib(1), 3, 0, all],
  ['fib(2)', classic.fib(2), 19, 0, all],
  ['fib(3)', classic.fib(3), 141, 0, reduced],
  ['casw(2)', classic.casw(2), 6, 0, all],
  ['casw(3)', classic.casw(3), 66, 0, all],
  ['casw(4)', classic.casw(4), 1200, 0, all],
  ['fast page fault with the buggy zapper, 1 vCPU', fastPageFault(1, false), 9, 0, all],
  ['fast page fault, 2 vCPUs', fastPageFault(2), 96, 0, all],
  ['fast page fault, 3 vCPUs', fastPageFault(3), 6524, 0, dpor],
  ['AB-BA', classic.abba(), 2, 1, all],
  ['a ring of three mutexes', classic.lockRing(3), 6, 1, all],
  ['two readers and a writer', classic.rwlockReaders(), 4, 0, all],
  ['a count to zero', classic.countToZero(), 4, 0, all],
  ['a passing value', classic.passingValue(), 2, 0, all],
  ['memslot generation, 1 vCPU, 1 exit', memslotGeneration(1, 1), 15, 0, all],
  ['memslot generation, 1 vCPU, 2 exits', memslotGeneration(1, 2), 68, 0, reduced],
  ['memslot generation, 1 vCPU, 3 exits', memslotGeneration(1, 3), 189, 0, reduced],
  ['memslot generation, 2 vCPUs, 1 exit', memslotGeneration(2, 1), 512, 0, reduced],
];

for (const [name, program, complete, deadlocked, modes] of rows) {
  test(`${name} has ${complete} complete and ${deadlocked} deadlocked executions`, () => {
    for (const mode of modes) {
      const { counts } = explore(program, { mode });
      expect({ mode, complete: counts.complete, deadlocked: counts.deadlocked }).toEqual({
        mode,
        complete,
        deadlocked,
      });
      expect(counts.truncated + counts.stopped).toBe(0);
      if (mode === 'optimal') expect(counts.blocked).toBe(0);
    }
  });
}

test('one of the nine traces of the buggy zapper loses the dirty bit', () => {
  const { always } = explore(fastPageFault(1, false));
  expect(always['a guest write leaves a dirty bit']).toEqual({ judged: 9, hits: 1 });
});

test('the execution that a published checker lost is found in every mode', () => {
  const states = all.map((mode) => [...explore(classic.soundness(), { mode }).finals.keys()].sort());
  for (const finals of states) expect(finals).toEqual(states[0]);
  expect(states[0].some((final) => JSON.parse(final).final[3] === 1)).toBe(true);
});
