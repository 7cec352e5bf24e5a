/** Threads against the explorer: every final state that threads reach must be one that some interleaving reaches. */
import { explore } from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';

export interface Agreement {
  /** Distinct final states that the explorer found. */
  readonly states: number;
  /** How many of them threads reached. */
  readonly seen: number;
  /** Final states of threads that the explorer does not know. */
  readonly strangers: readonly { readonly text: string; readonly rounds: number }[];
  /** False if the exploration hit a bound, so that strangers prove nothing. */
  readonly complete: boolean;
}

/** Compares the final states of a run on threads with those of every interleaving. */
export function compare(
  scenario: AnyScenario,
  stepsOff: readonly string[],
  onThreads: ReadonlyMap<string, number>,
): Agreement {
  const { finals, bounds } = explore(scenario, { stepsOff });
  const complete = bounds.length === 0;
  const strangers: { text: string; rounds: number }[] = [];
  let seen = 0;
  for (const [text, rounds] of onThreads) {
    if (finals.has(text)) seen++;
    else if (complete) strangers.push({ text, rounds });
  }
  return { states: finals.size, seen, strangers, complete };
}
