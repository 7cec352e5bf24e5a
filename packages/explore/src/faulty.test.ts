/** A finding ends its execution, and must not hide what other executions do. */
import { expect, test } from 'vitest';
import type { Exploration } from './exploration.ts';
import { explore } from './explore.ts';
import { faulty } from './programs/faulty.ts';

const PROGRAMS = 1500;
const MAX_INTERLEAVINGS = 1000;

function answerOf({ verdict, counts, finals }: Exploration): string {
  return JSON.stringify([verdict, counts.complete, counts.deadlocked, [...finals.keys()].sort()]);
}

test('on random programs with mistakes, all modes agree on the verdict and on the executions without a finding', () => {
  let violated = 0;
  const kinds = new Set<string>();
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const program = faulty(seed);
    const oracle = explore(program, { mode: 'naive', bounds: { maxExecutions: MAX_INTERLEAVINGS } });
    if (oracle.bounds.length > 0) continue;
    if (oracle.verdict === 'violated') violated++;
    for (const finding of oracle.findings) kinds.add(finding.kind);
    for (const mode of ['sleep', 'source', 'optimal'] as const) {
      expect(`${seed} ${mode} ${answerOf(explore(program, { mode }))}`).toBe(
        `${seed} ${mode} ${answerOf(oracle)}`,
      );
    }
  }
  expect(violated).toBeGreaterThan(PROGRAMS / 2);
  expect(kinds.size).toBeGreaterThanOrEqual(9);
});
