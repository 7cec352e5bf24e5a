/** The scenarios that a change can matter to. */
import type { AnyScenario } from '@faultline/machine';
import { complete } from '../names/surveys.ts';
import type { Table } from '../names/table.ts';
import type { Pool } from '../run/pool.ts';

export interface Chosen {
  readonly scenarios: readonly AnyScenario[];
  /** In how many of these a thread was seen in changed code; the rest ends its set-up in other memory, or is too large to tell. */
  readonly seen: number;
  /** Of how many that were looked at. */
  readonly all: number;
}

/**
 * Scenarios whose threads pass through changed code; those that may, and are too large for a survey to rule it out; and
 * those that reach it in set-up only, if that now leaves other memory behind. `module`: the system that is not on disk.
 */
export async function choose(
  table: Table,
  ids: readonly string[],
  module: string,
  pool: Pool,
): Promise<Chosen> {
  const may = table.mayReach(ids);
  const reached = () => new Set(ids.flatMap((id) => table.reach(id)).map(({ scenario }) => scenario));
  const quickly = reached();
  await complete(
    table.surveys,
    [...may].filter((name) => !quickly.has(name)),
    pool,
  );
  const seen = reached();
  const looked = table.scenarios.filter(({ name }) => table.surveys.has(name));
  const scenarios: AnyScenario[] = [];
  for (const scenario of looked) {
    const { name } = scenario;
    const survey = table.surveys.get(name);
    if (seen.has(name)) scenarios.push(scenario);
    else if (may.has(name) && survey?.exhaustive === false) scenarios.push(scenario);
    else if (may.has(name)) {
      const there = await pool.run({ kind: 'survey', module, scenario: name, maxExecutions: 1 });
      if (there.setup !== survey?.setup) scenarios.push(scenario);
    }
  }
  return { scenarios, seen: scenarios.filter(({ name }) => seen.has(name)).length, all: looked.length };
}
