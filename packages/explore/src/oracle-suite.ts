/** The random oracle, for one flavor of programs: a test file for each, so that they run side by side. */
import { type Answer, answer, difference } from './oracle.ts';
import { type Flavor, planned, randomPlan } from './programs/random.ts';
import type { Shortcuts } from './reversal.ts';

/** Programs of each flavor that are compared: 4 × 1050. */
export const PROGRAMS = 1050;
/** Programs with more interleavings than this are too slow for the naive mode; the next seed is taken instead. */
const MAX_INTERLEAVINGS = 400;

/** Least part of a flavor's programs that can deadlock: together more than a quarter of all. */
const DEADLOCKING: Readonly<Record<string, number>> = { rwlocks: 0.2, awaits: 0.5, deadlocks: 0.35 };

export interface Case {
  readonly seed: number;
  readonly oracle: Answer;
}

/** Compares the modes on PROGRAMS programs of a flavor; throws at the first difference, and if too few can deadlock. */
export function compareModes(flavor: Flavor): Case[] {
  const cases: Case[] = [];
  for (let seed = 1; cases.length < PROGRAMS; seed++) {
    const oracle = naive(flavor, seed);
    if (oracle === null) continue;
    cases.push({ seed, oracle });
    compare(flavor, seed, oracle);
  }
  const deadlocking = cases.filter((c) => c.oracle.deadlocked > 0).length / PROGRAMS;
  if (deadlocking < (DEADLOCKING[flavor.name] ?? 0))
    throw new Error(`only ${deadlocking} of the programs deadlock`);
  return cases;
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
export function wrongWith(flavor: Flavor, cases: readonly Case[], shortcuts: Shortcuts): number {
  let count = 0;
  for (const { seed, oracle } of cases) {
    const other = answer(planned(randomPlan(flavor, seed)), 'optimal', { shortcuts });
    if (difference(oracle, other) !== '') count++;
  }
  return count;
}
