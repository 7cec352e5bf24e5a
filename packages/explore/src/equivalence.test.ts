/** Which operations commute is a parameter; each relation has counts of its own. */
import { expect, test } from 'vitest';
import type { Equivalence } from './access.ts';
import type { Mode } from './exploration.ts';
import { explore } from './explore.ts';
import * as classic from './programs/classic.ts';
import { fastPageFault } from './programs/kvm-cores.ts';
import { program, times } from './programs/program.ts';

const modes: Mode[] = ['naive', 'sleep', 'source', 'optimal'];

function counts(scenario: ReturnType<typeof program>, equivalence: Partial<Equivalence>): number[] {
  return modes.map((mode) => {
    const found = explore(scenario, { mode, equivalence });
    if (mode === 'optimal') expect(found.counts.blocked).toBe(0);
    return found.counts.complete;
  });
}

const all = (n: number) => modes.map(() => n);
const sameWriters = program(
  'same-writers',
  times(
    3,
    () =>
      function* (s) {
        yield* s.word(0).writeOnce(5);
      },
  ),
);

test('with every cmpxchg a write there are more traces than with failed ones as reads', () => {
  expect(counts(classic.casw(2), { failedCas: false })).toEqual(all(6));
  expect(counts(fastPageFault(2), { failedCas: false })).toEqual(all(149));
  expect(counts(fastPageFault(2), { failedCas: true })).toEqual(all(96));
});

test('stores of the same value commute if they are asked to', () => {
  expect(counts(sameWriters, {})).toEqual(all(6));
  expect(counts(sameWriters, { sameValue: true })).toEqual(all(1));
  expect(counts(classic.writers(3), { sameValue: true })).toEqual(all(6));
});

test('a store of what is there already is a read if it is asked to be', () => {
  expect(counts(sameWriters, { silentWrites: true })).toEqual(all(3));
});

test('additions commute if nobody looks at what they return', () => {
  expect(counts(classic.ainc(4), {})).toEqual(all(24));
  expect(counts(classic.ainc(4), { commutingAdds: true })).toEqual(all(1));
  expect(counts(classic.binc(3), { commutingAdds: true })).toEqual(all(1));
  expect(counts(classic.countToZero(), { commutingAdds: true })).toEqual(all(4));
});
