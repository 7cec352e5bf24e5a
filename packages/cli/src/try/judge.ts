/** Both systems under the same scenarios: what became of verdicts, final states and steps. */
import type { AnyScenario } from '@faultline/machine';
import type { Mutant } from '@faultline/scenarios';
import { ExitCode, worst } from '../exit.ts';
import { exitCodeOfCheck } from '../mutate/campaign.ts';
import type { Bounds, CheckJob, CheckResult } from '../run/job.ts';
import type { Pool } from '../run/pool.ts';
import type { Added } from './change.ts';

export interface Pair {
  readonly before: CheckResult;
  readonly after: CheckResult;
  readonly became: 'worse' | 'better' | 'same';
  /** Final states that only one of the two has; empty if one of them was not explored to the end. */
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

/** Runs one scenario in one of the systems. */
export type Run = (scenario: string, how?: Partial<CheckJob>) => Promise<CheckResult>;

export function runner(
  pool: Pool,
  module: string,
  variant: string,
  { bounds, model }: { readonly bounds: Bounds; readonly model: CheckJob['model'] },
): Run {
  return (scenario, how = {}) =>
    pool.run({
      kind: 'check',
      module,
      scenario,
      without: [],
      variant,
      mode: 'optimal',
      model,
      bounds,
      finals: true,
      explain: false,
      ...how,
    });
}

export async function pairs(scenarios: readonly AnyScenario[], before: Run, after: Run): Promise<Pair[]> {
  const old = await Promise.all(scenarios.map(({ name }) => before(name)));
  const now = await Promise.all(scenarios.map(({ name }) => after(name)));
  const explained = now.map((result, i) =>
    result.findings.length > 0 && becameOf(old[i] as CheckResult, result) === 'worse'
      ? after(result.scenario, { explain: true })
      : Promise.resolve(result),
  );
  return (await Promise.all(explained)).map((result, i) => pairOf(old[i] as CheckResult, result));
}

function pairOf(before: CheckResult, after: CheckResult): Pair {
  const whole = before.bounds.length === 0 && after.bounds.length === 0;
  const [old, now] = [new Set(before.finals), new Set(after.finals)];
  return {
    before,
    after,
    became: becameOf(before, after),
    gained: whole ? [...now].filter((state) => !old.has(state)) : [],
    lost: whole ? [...old].filter((state) => !now.has(state)) : [],
  };
}

/** A finding that was not there before is worse, whatever the verdict was. */
function becameOf(before: CheckResult, after: CheckResult): Pair['became'] {
  const [old, now] = [findingsOf(before), findingsOf(after)];
  if (before.expected) {
    const [was, is] = [exitCodeOfCheck(before), exitCodeOfCheck(after)];
    return was === is ? 'same' : worst([was, is]) === is ? 'worse' : 'better';
  }
  if (now.some((one) => !old.includes(one))) return 'worse';
  return old.some((one) => !now.includes(one)) && after.bounds.length === 0 ? 'better' : 'same';
}

function findingsOf({ findings }: CheckResult): string[] {
  return findings.map(({ kind, name }) => `${kind}: ${name}`);
}

/** New steps without which everything is as it is with them: nothing here needs them. */
export async function unneeded(added: readonly Added[], pairs: readonly Pair[], run: Run): Promise<Added[]> {
  const found: Added[] = [];
  for (const one of added) if (await isSilent(one, pairs, run)) found.push(one);
  return found;
}

async function isSilent({ step }: Added, pairs: readonly Pair[], run: Run): Promise<boolean> {
  for (const { after } of pairs) {
    const without = await run(after.scenario, { without: [step] });
    if (digest(without) !== digest(after)) return false;
  }
  return pairs.length > 0;
}

/** What a step may change and be needed for: findings, races that happen, final states. */
function digest(result: CheckResult): string {
  const happens = Object.entries(result.sometimes).map(([name, hits]) => [name, hits > 0]);
  return JSON.stringify([result.verdict, findingsOf(result).sort(), happens, result.statesHash]);
}

export interface Relieved {
  readonly mutant: Mutant;
  readonly scenario: string;
  readonly always: string;
}

/**
 * Recorded mutants that a scenario caught before, and that it no longer notices: their steps are not needed any more. Steps
 * that the change takes away itself (`gone`) are no news.
 */
export async function relieved(
  gone: ReadonlySet<string>,
  mutants: readonly Mutant[],
  pairs: readonly Pair[],
  before: Run,
  after: Run,
): Promise<Relieved[]> {
  const clean = new Set(pairs.filter((p) => p.after.findings.length === 0).map((p) => p.after.scenario));
  const found: Relieved[] = [];
  const tried = mutants.map(async (mutant) => {
    const { expect, off, variant } = mutant;
    if (
      !('caught' in expect) ||
      !('always' in expect) ||
      off === undefined ||
      variant !== undefined ||
      !clean.has(expect.caught)
    )
      return;
    if (off.some((step) => gone.has(step))) return;
    const how = {
      without: off,
      ...(mutant.model === undefined ? {} : { model: mutant.model }),
      finals: false,
    };
    const now = await after(expect.caught, how);
    if (now.bounds.length > 0 || now.findings.length > 0) return;
    const old = await before(expect.caught, how);
    if ((old.always[expect.always] ?? 0) > 0)
      found.push({ mutant, scenario: expect.caught, always: expect.always });
  });
  await Promise.all(tried);
  return found;
}

/** 1 for anything that got worse, 3 if a bound was hit and nothing did. */
export function exitCodeOf(all: readonly Pair[]): number {
  return worst(
    all.map(({ became, before, after }) => {
      if (became === 'worse') return ExitCode.FINDING;
      return before.bounds.length + after.bounds.length > 0 ? ExitCode.INCOMPLETE : ExitCode.CLEAN;
    }),
  );
}
