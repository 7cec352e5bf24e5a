/** Threads against the explorer: every final state that threads reach must be one that some interleaving reaches. */
import { pathToFileURL } from 'node:url';
import { explore } from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';
import { scenariosOf } from '../scenarios.ts';
import type { Target } from '../targets.ts';

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
export async function compare(
  target: Target,
  stepsOff: readonly string[],
  onThreads: ReadonlyMap<string, number>,
): Promise<Agreement> {
  const { finals, bounds } = explore(await scenarioOf(target), { stepsOff });
  const complete = bounds.length === 0;
  const strangers: { text: string; rounds: number }[] = [];
  let seen = 0;
  for (const [text, rounds] of onThreads) {
    if (finals.has(text)) seen++;
    else if (complete) strangers.push({ text, rounds });
  }
  return { states: finals.size, seen, strangers, complete };
}

/** The scenario over the system that the target names: with variants, that of their catalogue. */
async function scenarioOf({ scenario, module, variant }: Target): Promise<AnyScenario> {
  if (variant === '') return scenario;
  const found = scenariosOf(await import(pathToFileURL(module).href)).find(
    ({ name }) => name === scenario.name,
  );
  if (found === undefined) throw new Error(`${scenario.name} is missing in the catalogue with ${variant}`);
  return found;
}
