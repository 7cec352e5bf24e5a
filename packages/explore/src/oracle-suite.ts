/** The random oracle, for one flavor of programs: shared by one test file each, so that they run side by side. */
import { expect, test } from 'vitest';
import { type Answer, answer, difference } from './oracle.ts';
import { type Flavor, planned, randomPlan } from './programs/random.ts';
import type { Shortcuts } from './reversal.ts';

/** Programs of each flavor that are compared: 4 × 1050. */
export const PROGRAMS = 1050;
/** Programs with more interleavings than this are too slow for the naive mode; the next seed is taken instead. */
const MAX_INTERLEAVINGS = 400;

/** Least part of a flavor's programs that can deadlock: together more than a quarter of all. */
const DEADLOCKING: Readonly<Record<string, number>> = { rwlocks: 0.2, awaits: 0.5, deadlocks: 0.35 };

interface Case {
  readonly seed: number;
  readonly oracle: Answer;
}

/** Declares the tests of a flavor. */
export function oracleSuite(flavor: Flavor): void {
  const cases: Case[] = [];

  test(`${flavor.name}: four modes agree on ${PROGRAMS} random programs, optimal with nothing blocked`, () => {
    for (let seed = 1; cases.length < PROGRAMS; seed++) {
      const oracle = naive(flavor, seed);
      if (oracle === null) continue;
      cases.push({ seed, oracle });
      compare(flavor, seed, oracle);
    }
    expect(cases.length).toBe(PROGRAMS);
    const deadlocking = cases.filter((c) => c.oracle.deadlocked > 0).length;
    expect(deadlocking / PROGRAMS).toBeGreaterThan(DEADLOCKING[flavor.name] ?? 0);
  });

  if (flavor.name !== 'sections and choices') {
    test(`${flavor.name}: leaving out operations that still wait at the end is noticed`, () => {
      expect(wrong(flavor, cases, { ignorePending: true })).toBeGreaterThan(0);
    });
    test(`${flavor.name}: racing waiting operations as others is noticed`, () => {
      expect(wrong(flavor, cases, { immediateOnly: true })).toBeGreaterThan(0);
    });
  }
}

function naive(flavor: Flavor, seed: number): Answer | null {
  try {
    return answer(planned(randomPlan(flavor, seed)), 'naive', {
      bounds: { maxExecutions: MAX_INTERLEAVINGS },
    });
  } catch (error) {
    if (String(error).includes('a bound was hit')) return null;
    throw error;
  }
}

function compare(flavor: Flavor, seed: number, oracle: Answer): void {
  for (const mode of ['sleep', 'source', 'optimal'] as const) {
    const other = answer(planned(randomPlan(flavor, seed)), mode);
    const wrong = difference(oracle, other);
    const blocked = mode === 'optimal' ? other.blocked : 0;
    if (wrong === '' && blocked === 0) continue;
    const plan = JSON.stringify(randomPlan(flavor, seed));
    throw new Error(`${flavor.name}, seed ${seed}, ${mode}: ${wrong}, ${blocked} blocked: ${plan}`);
  }
}

/** On how many of the programs optimal mode is wrong with a shortcut. */
function wrong(flavor: Flavor, cases: readonly Case[], shortcuts: Shortcuts): number {
  let count = 0;
  for (const { seed, oracle } of cases) {
    const other = answer(planned(randomPlan(flavor, seed)), 'optimal', { shortcuts });
    if (difference(oracle, other) !== '') count++;
  }
  return count;
}
