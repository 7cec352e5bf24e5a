/** A whole `mutate` run: the unchanged catalogue first, then every mutant, then what no mutant has broken. */
import type { AnyScenario } from '@faultline/machine';
import type { Mutant } from '@faultline/scenarios';
import { ExitCode, worst } from '../exit.ts';
import { type CheckResult, executionsOf, wasStopped } from '../run/job.ts';
import { Interrupted } from '../run/pool.ts';
import { areaOf } from '../scenarios.ts';
import { type Attempt, judge, type Row, stepsOf, trialOf, unnamedSteps } from './judge.ts';

export interface Campaign {
  readonly areas: readonly string[];
  readonly rows: readonly Row[];
  /** Findings of the unchanged catalogue: there ought to be none. */
  readonly baseline: readonly CheckResult[];
  /** `always` that no mutant broke: 'scenario: text'. */
  readonly unbroken: readonly string[];
  /** Of how many `always`. */
  readonly alwaysCount: number;
  readonly executions: number;
}

export interface Input {
  readonly areas: readonly string[];
  readonly scenarios: readonly AnyScenario[];
  readonly mutants: readonly Mutant[];
  /** Every named step of the loaded system. */
  readonly steps: readonly string[];
  readonly attempt: Attempt;
  /** False: leave out the search for rules that no mutant breaks; `unbroken` is then empty. */
  readonly rules?: boolean;
  /** False: only changes that need no other build of the system. */
  readonly variants?: boolean;
  /** A diagram in each row of a variant that is caught. */
  readonly pictures?: boolean;
  readonly onRow?: (row: Row) => void;
  readonly onUnchanged?: (result: CheckResult) => void;
}

/** Runs it. The outcome does not depend on how many trials run at a time. Rejects with Interrupted if one of them was cut. */
export async function campaign(input: Input): Promise<Campaign> {
  const { areas, scenarios, mutants, steps } = input;
  const broken = new Map<string, Set<string>>();
  let executions = 0;
  const seen = new Map<string, Promise<CheckResult>>();
  const attempt: Attempt = (trial) => {
    const key = JSON.stringify([
      trial.scenario,
      [...trial.off].sort(),
      trial.variant,
      trial.picture,
      trial.model,
      trial.most,
    ]);
    let result = seen.get(key);
    if (result === undefined) {
      result = input.attempt(trial).then((done) => {
        // A change that a cut search did not notice is not MISSED.
        if (wasStopped(done)) throw new Interrupted();
        executions += executionsOf(done);
        note(done, broken);
        return done;
      });
      seen.set(key, result);
    }
    return result;
  };
  const inAreas = scenarios.filter((s) => areas.includes(areaOf(s.name)) && s.deep !== true);
  const baseline = await Promise.all(
    inAreas.map(async ({ name }) => {
      const result = await attempt({ scenario: name, off: [], variant: '' });
      input.onUnchanged?.(result);
      return result;
    }),
  );
  const own = mutants.filter(
    (mutant) =>
      areas.includes(areaOf(mutant.name)) && (input.variants !== false || mutant.variant === undefined),
  );
  const judged = own.map(async (mutant) => {
    const row = await judge(mutant, { scenarios, attempt, pictures: input.pictures === true });
    input.onRow?.(row);
    return row;
  });
  const rows = [...(await Promise.all(judged)), ...unnamedSteps(steps, areas, mutants)];
  const judgeRules = input.rules !== false;
  if (judgeRules) await Promise.all(inAreas.map((scenario) => breakRest(scenario, mutants, attempt, broken)));
  const alwaysOf = (s: AnyScenario) => Object.keys(s.always);
  return {
    areas,
    rows,
    baseline,
    unbroken: inAreas.flatMap((s) =>
      alwaysOf(s)
        .filter((text) => judgeRules && !broken.get(s.name)?.has(text))
        .map((text) => `${s.name}: '${text}'`),
    ),
    alwaysCount: inAreas.reduce((sum, s) => sum + alwaysOf(s).length, 0),
    executions,
  };
}

/** 1 for a MISSED, an unbroken `always` or a finding without any mutant; 3 if a bound was hit and nothing of that. */
export function exitCodeOf({ rows, baseline, unbroken }: Campaign): number {
  const missed = rows.some((row) => row.verdict === 'MISSED') || unbroken.length > 0;
  return worst([missed ? ExitCode.FINDING : ExitCode.CLEAN, ...baseline.map(exitCodeOfCheck)]);
}

/** A scenario that shows a document to be wrong is fine when it is violated, and only then. */
export function exitCodeOfCheck({ verdict, expected }: CheckResult): number {
  if (verdict === 'inconclusive') return ExitCode.INCOMPLETE;
  return (verdict === 'violated') === expected ? ExitCode.CLEAN : ExitCode.FINDING;
}

/** Tries what breaks other scenarios on the rules of this one that are left: mutants of its steps, then of its area. */
async function breakRest(
  scenario: AnyScenario,
  mutants: readonly Mutant[],
  attempt: Attempt,
  broken: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<void> {
  const left = () => Object.keys(scenario.always).some((text) => !broken.get(scenario.name)?.has(text));
  const breaking = mutants.filter(({ expect }) => 'caught' in expect || 'covered' in expect);
  const own = breaking.filter((mutant) => stepsOf(mutant).some((step) => scenario.defends.includes(step)));
  const near = breaking.filter((mutant) => areaOf(mutant.name) === areaOf(scenario.name));
  for (const mutant of new Set([...own, ...near])) {
    if (!left()) return;
    await attempt(trialOf(mutant, scenario.name, 'covered' in mutant.expect ? mutant.expect.with : []));
  }
}

function note(result: CheckResult, broken: Map<string, Set<string>>): void {
  const texts = broken.get(result.scenario) ?? new Set();
  for (const [text, executions] of Object.entries(result.always)) if (executions > 0) texts.add(text);
  broken.set(result.scenario, texts);
}
