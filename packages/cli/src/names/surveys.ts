/** Where the executions of each scenario pass: explored once for each state of the sources, then from the cache. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Survey } from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';
import { catalogueModule } from '../catalogue.ts';
import { host } from '../host.ts';
import type { Pool } from '../run/pool.ts';

/** Enough for nearly all; a larger scenario is visited in part, and says so, until somebody needs the rest. */
const MOST = 1_000;
/** What a scenario of the catalogue needs at most, unless it is a deep one. */
const BUDGET = 20_000;

/** By name of the scenario; deep ones and those for threads only are not looked at. */
export async function surveys(all: readonly AnyScenario[], pool: Pool): Promise<Map<string, Survey>> {
  const cached = path.join(host().built, 'surveys.json');
  if (existsSync(cached)) return byName(JSON.parse(readFileSync(cached, 'utf8')) as Survey[]);
  const looked = all.filter(({ deep, threadsOnly }) => deep !== true && threadsOnly === undefined);
  if (process.stderr.isTTY)
    process.stderr.write(`looking where ${looked.length} scenarios pass (once) ...\n`);
  const module = catalogueModule();
  const found = await Promise.all(
    looked.map(({ name }) => pool.run({ kind: 'survey', module, scenario: name, maxExecutions: MOST })),
  );
  if (!pool.interrupted) keep(cached, found);
  return byName(found);
}

/** Explores to the end what was visited in part of these scenarios; puts it into `known` and into the cache. */
export async function complete(
  known: Map<string, Survey>,
  names: readonly string[],
  pool: Pool,
): Promise<void> {
  const partly = names.filter((name) => known.get(name)?.exhaustive === false);
  if (partly.length === 0) return;
  const module = catalogueModule();
  const found = await Promise.all(
    partly.map((scenario) => pool.run({ kind: 'survey', module, scenario, maxExecutions: BUDGET })),
  );
  if (pool.interrupted) return;
  for (const survey of found) known.set(survey.scenario, survey);
  keep(path.join(host().built, 'surveys.json'), [...known.values()]);
}

/** Written whole or not at all: two commands may do so at the same time. */
function keep(file: string, found: readonly Survey[]): void {
  try {
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(found));
    renameSync(`${file}.${process.pid}`, file);
  } catch {
    // Then the next command explores again.
  }
}

function byName(list: readonly Survey[]): Map<string, Survey> {
  return new Map(list.map((one) => [one.scenario, one]));
}
