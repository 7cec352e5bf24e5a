/** Two forms of the code under the same claim: what happens in each, and in what states they end. */
import { createHash } from 'node:crypto';
import type { Exploration } from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';
import type { Comparison, Race } from './job.ts';

export function compare(here: Exploration, there: Exploration): Comparison {
  const names = [...new Set([...Object.keys(here.sometimes), ...Object.keys(there.sometimes)])];
  const onlyHere = [...here.finals.keys()].filter((state) => !there.finals.has(state));
  return {
    other: there.scenario,
    otherExecutions: there.counts.complete + there.counts.deadlocked + there.counts.stopped,
    sometimes: names.map((name) => [name, hits(here, name), hits(there, name)]),
    shared: here.finals.size - onlyHere.length,
    onlyHere,
    onlyThere: [...there.finals.keys()].filter((state) => !here.finals.has(state)),
  };
}

/** The `sometimes` that the scenario declares as races. Throws for a text that is none of its `sometimes`. */
export function racesOf({ name, benign = [] }: AnyScenario, { sometimes }: Exploration): Race[] {
  return benign.map((text) => {
    const count = sometimes[text];
    if (count === undefined)
      throw new Error(`${name}: benign names '${text}', which is none of its 'sometimes'`);
    return { name: text, happened: count.hits, harmful: count.harmful };
  });
}

/** Of the set of final states, whatever order they were found in. */
export function hashOfStates({ finals }: Exploration): string {
  const hash = createHash('sha256');
  for (const state of [...finals.keys()].sort()) hash.update(state).update('\n');
  return hash.digest('hex').slice(0, 16);
}

function hits({ sometimes }: Exploration, name: string): number | null {
  return sometimes[name]?.hits ?? null;
}
