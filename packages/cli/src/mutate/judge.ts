/** The verdict on one mutant: run it where it ought to be noticed, and compare with what its author expects. */
import type { AnyScenario } from '@faultline/machine';
import type { Mutant } from '@faultline/scenarios';
import { LOCK_RULE } from '../locks/rules-broken.ts';
import { type CheckResult, executionsOf } from '../run/job.ts';
import { areaOf, either, near } from '../scenarios.ts';

export type MutantVerdict = 'caught' | 'covered' | 'equivalent' | 'elsewhere' | 'MISSED';

export interface Row {
  readonly verdict: MutantVerdict;
  /** The mutant, or the step that no mutant names. */
  readonly name: string;
  readonly says: string;
  /** What was seen, one line each. */
  readonly seen: readonly string[];
  /** Rules of locks that it breaks: 'order a > b'. */
  readonly rules?: readonly string[];
  /** The race, if pictures were asked for and this is a variant that is caught. */
  readonly diagram?: string;
}

/** One exploration of a changed system. */
export interface Trial {
  readonly scenario: string;
  readonly off: readonly string[];
  readonly variant: string;
  /** Make a diagram of the fall of this rule. */
  readonly picture?: string;
  /** Executions after which to stop, if not the usual bound. */
  readonly most?: number;
  /** Memory model; sequential consistency when left out. */
  readonly model?: 'tso';
}

export type Attempt = (trial: Trial) => Promise<CheckResult>;

export interface Known {
  /** Ask for pictures of variants. */
  readonly pictures?: boolean;
  readonly scenarios: readonly AnyScenario[];
  readonly attempt: Attempt;
}

/** Judges one mutant. Never throws for what a mutant names wrongly: that is a MISSED with the reason. */
export async function judge(mutant: Mutant, known: Known): Promise<Row> {
  const wrong = misnamed(mutant, known.scenarios);
  if (wrong !== null) return row('MISSED', mutant, [wrong]);
  const { expect } = mutant;
  if ('rule' in expect) return judgeRule(mutant, expect, known);
  if ('caught' in expect) return judgeCaught(mutant, expect.caught, expect.always, known);
  if ('covered' in expect) return judgeCovered(mutant, expect, known);
  if ('equivalent' in expect) return judgeEquivalent(mutant, expect.equivalent, known);
  return row('elsewhere', mutant, [expect.elsewhere]);
}

/** Steps of these areas that no mutant of the catalogue names. */
export function unnamedSteps(
  steps: readonly string[],
  areas: readonly string[],
  mutants: readonly Mutant[],
): Row[] {
  const named = new Set(mutants.flatMap(stepsOf));
  return steps
    .filter((step) => areas.includes(areaOf(step)) && !named.has(step))
    .map((step) => ({ verdict: 'MISSED', name: step, says: 'no mutant names this step', seen: [] }));
}

/** Scenarios that a mutant is run against. */
export function against(mutant: Mutant, scenarios: readonly AnyScenario[]): AnyScenario[] {
  const { expect } = mutant;
  const named = 'caught' in expect ? expect.caught : 'covered' in expect ? expect.covered : '';
  return scenarios.filter((s) => {
    if (s.expect === 'violated') return false;
    if (s.name === named || mutant.against?.includes(s.name)) return true;
    if (s.deep === true || mutant.against !== undefined) return false;
    if ('equivalent' in expect && areaOf(s.name) === areaOf(mutant.name)) return true;
    return s.defends.some((step) => mutant.off?.includes(step));
  });
}

/** One fall is enough: of a scenario beyond the default budget these are tried first, and all only if none of them falls. */
const MOST_OF_DEEP = 2000;

async function judgeCaught(mutant: Mutant, name: string, always: string, known: Known): Promise<Row> {
  const pictured = known.pictures === true && mutant.variant !== undefined;
  const trial = { ...trialOf(mutant, name), ...(pictured ? { picture: always } : {}) };
  const deep = known.scenarios.some((s) => s.name === name && s.deep === true);
  let result = await known.attempt(deep ? { ...trial, most: MOST_OF_DEEP } : trial);
  if (deep && (result.always[always] ?? 0) === 0) result = await known.attempt(trial);
  const fell = result.always[always] ?? 0;
  if (fell > 0) {
    const diagram = result.findings.find((finding) => finding.name === always)?.diagram ?? '';
    const rules = rulesOf(result);
    return {
      ...row('caught', mutant, [fallen(result, always)]),
      ...(rules.length > 0 ? { rules } : {}),
      ...(pictured ? { diagram } : {}),
    };
  }
  return row('MISSED', mutant, [`${name}: '${always}' does not fall; ${otherwise(result)}`]);
}

/** Whether locks are asked for against a rule, and what comes of it. */
async function judgeRule(
  mutant: Mutant,
  { caught, rule, ends }: { caught: string; rule: string; ends?: string },
  known: Known,
): Promise<Row> {
  const deep = known.scenarios.some((s) => s.name === caught && s.deep === true);
  const result = await known.attempt({ ...trialOf(mutant, caught), ...(deep ? { most: MOST_OF_DEEP } : {}) });
  const rules = rulesOf(result);
  const ended = ends === undefined || result.findings.some(({ kind }) => kind === ends);
  if (!rules.includes(rule) || !ended) {
    const not = rules.includes(rule) ? `'${rule}' is broken without ${ends}` : `'${rule}' is kept`;
    return row('MISSED', mutant, [`${caught}: ${not}; ${otherwise(result)}`]);
  }
  const end = ends === undefined ? '' : `, which ends in: ${ends}`;
  return { ...row('caught', mutant, [`${caught}: breaks '${rule}'${end}`]), rules };
}

async function judgeCovered(
  mutant: Mutant,
  { covered, with: others, always }: { covered: string; with: readonly string[]; always: string },
  known: Known,
): Promise<Row> {
  for (const scenario of against(mutant, known.scenarios)) {
    const alone = await known.attempt(trialOf(mutant, scenario.name));
    if (!silent(alone)) return row('MISSED', mutant, [`not covered: ${scenario.name}: ${otherwise(alone)}`]);
  }
  const minimal: string[][] = [];
  for (const extra of subsets(others)) {
    if (minimal.some((set) => set.every((step) => extra.includes(step)))) continue;
    const together = await known.attempt(trialOf(mutant, covered, extra));
    if ((together.always[always] ?? 0) > 0) minimal.push(extra);
  }
  if (minimal.length === 0) {
    return row('MISSED', mutant, [
      `${covered}: '${always}' does not fall without ${others.join(', ')} either`,
    ]);
  }
  const own = mutant.off ?? [mutant.variant ?? ''];
  return row('covered', mutant, [
    ...minimal.map((set) => `breaks together: {${[...own, ...set].join(', ')}}`),
    `${covered}: '${always}'`,
  ]);
}

async function judgeEquivalent(mutant: Mutant, reason: string, known: Known): Promise<Row> {
  const on = against(mutant, known.scenarios);
  if (on.length === 0) return row('MISSED', mutant, ['equivalent, but no scenario to verify it on']);
  const rules = new Set<string>();
  for (const scenario of on) {
    const result = await known.attempt(trialOf(mutant, scenario.name));
    if (!silent(result))
      return row('MISSED', mutant, [`not equivalent: ${scenario.name}: ${otherwise(result)}`]);
    for (const rule of rulesOf(result)) rules.add(rule);
  }
  const silence = `silent on ${on.length} scenario${on.length === 1 ? '' : 's'}`;
  if (rules.size === 0) return row('equivalent', mutant, [reason, silence]);
  const broken = [...rules];
  return {
    ...row('equivalent', mutant, [reason, silence, `but breaks ${broken.join(', ')}`]),
    rules: broken,
  };
}

function rulesOf({ findings }: CheckResult): string[] {
  return findings.filter(({ kind }) => kind === LOCK_RULE).map(({ name }) => name);
}

/** What is wrong with the names in a mutant, or null. A scenario that catches a step has to say that it defends it. */
function misnamed(mutant: Mutant, scenarios: readonly AnyScenario[]): string | null {
  const { expect } = mutant;
  const names = [...(mutant.against ?? [])];
  if ('caught' in expect) names.push(expect.caught);
  if ('covered' in expect) names.push(expect.covered);
  for (const name of names) {
    if (scenarios.some((s) => s.name === name)) continue;
    const close = near(
      name,
      scenarios.map((s) => s.name),
    );
    return `no scenario '${name}'${close.length > 0 ? `; did you mean ${either(close)}?` : ''}`;
  }
  if (!('always' in expect)) return null;
  const named = 'caught' in expect ? expect.caught : expect.covered;
  const scenario = scenarios.find((s) => s.name === named) as AnyScenario;
  if (!(expect.always in scenario.always)) return `${named} has no always '${expect.always}'`;
  if ('caught' in expect && mutant.off !== undefined && mutant.off.length > 0) {
    if (!mutant.off.some((step) => scenario.defends.includes(step)))
      return `${named} does not say that it defends ${mutant.off.join(' or ')}`;
  }
  return null;
}

export function stepsOf(mutant: Mutant): string[] {
  return [...(mutant.off ?? []), ...('covered' in mutant.expect ? mutant.expect.with : [])];
}

export function trialOf(mutant: Mutant, scenario: string, extra: readonly string[] = []): Trial {
  const { off = [], variant = '', model } = mutant;
  return { scenario, off: [...off, ...extra], variant, ...(model === undefined ? {} : { model }) };
}

export function silent(result: CheckResult): boolean {
  // A `sometimes` says what the unchanged system does; a change may make it impossible and be as good.
  // A rule of locks is a sentence of a document: breaking it is named, and is no behaviour.
  const broken = result.findings.filter(({ kind }) => kind !== 'sometimes' && kind !== LOCK_RULE);
  return result.verdict === 'verified' || (result.verdict === 'violated' && broken.length === 0);
}

function fallen(result: CheckResult, always: string): string {
  const of = executionsOf(result);
  const model = result.model === 'tso' ? ' under x86-TSO' : '';
  return `${result.scenario}: '${always}' falls in ${result.always[always]} of ${of}${model}`;
}

function otherwise({ verdict, bounds, findings, complete }: CheckResult): string {
  if (verdict === 'verified') return `nothing breaks in ${complete} executions`;
  if (verdict === 'inconclusive') return `inconclusive: ${bounds.join(', ')}`;
  return `found instead: ${findings.map(({ kind, name }) => (name === '' ? kind : `'${name}'`)).join(', ')}`;
}

function row(verdict: MutantVerdict, { name, says }: Mutant, seen: readonly string[]): Row {
  return { verdict, name, says, seen };
}

/** Non-empty subsets, smallest first. */
function subsets<T>(items: readonly T[]): T[][] {
  const all: T[][] = [];
  for (let mask = 1; mask < 1 << items.length; mask++) all.push(items.filter((_, i) => mask & (1 << i)));
  return all.sort((a, b) => a.length - b.length);
}
