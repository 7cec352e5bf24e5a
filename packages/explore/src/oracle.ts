/** Compares the modes on one program: what the oracle test and the tests of the shortcuts have in common. */
import type { AnyScenario } from '@faultline/machine';
import type { Exploration, ExploreOptions, Mode } from './exploration.ts';
import { explore } from './explore.ts';

export interface Answer {
  readonly complete: number;
  readonly deadlocked: number;
  readonly blocked: number;
  /** Final states that were reached, in order. */
  readonly finals: readonly string[];
}

/** Explores in one mode; a bound that is hit makes the answer useless and is thrown. */
export function answer(program: AnyScenario, mode: Mode, options: ExploreOptions = {}): Answer {
  const found = explore(program, { ...options, mode });
  if (found.bounds.length > 0) throw new Error(`${mode}: a bound was hit`);
  return summary(found);
}

export function summary({ counts, finals }: Exploration): Answer {
  const { complete, deadlocked, blocked } = counts;
  return { complete, deadlocked, blocked, finals: [...finals.keys()].sort() };
}

/** How an answer differs from the oracle's, '' if it does not. */
export function difference(oracle: Answer, other: Answer): string {
  if (other.complete !== oracle.complete) return `${other.complete} complete, not ${oracle.complete}`;
  if (other.deadlocked !== oracle.deadlocked)
    return `${other.deadlocked} deadlocked, not ${oracle.deadlocked}`;
  const missing = oracle.finals.filter((f) => !other.finals.includes(f));
  if (missing.length > 0) return `final states missing: ${missing.join(' ')}`;
  return other.finals.length > oracle.finals.length ? 'final states that do not exist' : '';
}
