/** What a litmus test can show, by exploring it. */
import { fromCanonical } from '@faultline/machine';
import type { Mode } from '../exploration.ts';
import { explore } from '../explore.ts';
import type { ModelName } from '../memory-model.ts';
import { type Litmus, litmusScenario, type Outcome } from '../programs/litmus.ts';

export interface Explored {
  /** Each outcome with the number of traces that show it; those that cannot go on begin with 'deadlock '. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly executions: number;
  readonly blocked: number;
}

/** Throws if a bound is hit: a litmus test has no loops. */
export function exploreLitmus(test: Litmus, model: ModelName, mode: Mode = 'optimal'): Explored {
  const { finals, counts, bounds } = explore(litmusScenario(test), { model, mode });
  if (bounds.length > 0) throw new Error(`${test.name}: a bound was hit`);
  const outcomes = new Map<string, number>();
  for (const [text, n] of finals) {
    const stuck = text.startsWith('deadlock ');
    const { results, final } = fromCanonical(stuck ? text.slice(9) : text) as {
      results: Record<string, Outcome>;
      final: Outcome;
    };
    const outcome = Object.assign({}, ...Object.values(results), final) as Outcome;
    const key = (stuck ? 'deadlock ' : '') + outcomeText(outcome);
    outcomes.set(key, (outcomes.get(key) ?? 0) + n);
  }
  return { outcomes, executions: counts.complete + counts.deadlocked, blocked: counts.blocked };
}

/** The outcome of such a line. */
export function parseOutcome(text: string): Outcome {
  return Object.fromEntries(
    [...text.matchAll(/(\S+)=(\d+);/g)].map(([, name, value]) => [name, Number(value)] as const),
  );
}

/** An outcome in one canonical line: `0:a=0; 1:b=1; x=1;` */
export function outcomeText(outcome: Outcome): string {
  return Object.entries(outcome)
    .map(([name, value]) => `${name}=${value};`)
    .sort()
    .join(' ');
}
