/**
 * Every atomic, fence and lock of packages/kvm weakened without being told which: the coverage that nobody marked for
 * himself. A site is noticed when any scenario that comes to it has a finding; what survives needs a reason or is one.
 */
import type { CheckResult } from '../run/job.ts';
import { executionsOf } from '../run/job.ts';
import { silent } from './judge.ts';
import { type Uses, usesOfSites } from './site-uses.ts';

export type AutoVerdict = 'noticed' | 'survives' | 'elsewhere' | 'undecided' | 'not reached' | 'not tried';

export interface AutoRow {
  /** 'x86/tdp-spte.ts#tdp_mmu_set_spte_atomic:sptep.cmpxchg' */
  readonly site: string;
  readonly area: string;
  readonly verdict: AutoVerdict;
  /** The scenario that noticed and what it found; why a survivor is no finding, '' if nobody knows. */
  readonly says: string;
  /** Scenarios that come to the site. */
  readonly scenarios: number;
  /** Unless it was noticed: who else changes what it changes. */
  readonly uses?: Uses;
}

/** One exploration of the catalogue with every site named. */
export interface AutoTrial {
  readonly scenario: string;
  readonly off: readonly string[];
  readonly most: number;
  readonly model: 'sc' | 'tso';
  readonly reached: boolean;
}

export interface AutoInput {
  /** Names of scenarios within the default budget that hold. */
  readonly scenarios: readonly string[];
  /** Those beyond the default budget: what they find counts, that they find nothing says nothing. */
  readonly deep: readonly string[];
  /** Names of all sites, as the build made them. */
  readonly sites: readonly string[];
  readonly areas: readonly string[];
  readonly attempt: (trial: AutoTrial) => Promise<CheckResult>;
  /** Why a survivor is no finding; '' if nobody knows. */
  readonly reasonFor: (site: string) => { readonly verdict: 'survives' | 'elsewhere'; readonly says: string };
  /**
   * An earlier run by site, to save time: what was noticed is tried where it was, and what was not is left alone as long as
   * as many scenarios come to it. Empty: everything is tried everywhere.
   */
  readonly before: ReadonlyMap<string, AutoRow>;
  /** No site is begun after this, in the time of Date.now(). */
  readonly until: number;
  /** Sites tried at a time. */
  readonly width: number;
  readonly onRow?: (row: AutoRow, done: number, of: number) => void;
}

/** Most weakened sites show themselves at once; the rest get a whole scenario. */
const FIRST = 150;
const MOST = 20_000;
/** Weakened, a scenario may need more than it did; beyond this nobody waits for it. */
const PATIENCE = 200_000;
/** Of a deep scenario only the beginning is looked at. */
const DEEP = 400;

/** Tries the sites of the areas asked for. Throws only for a defect of ours or when interrupted. */
export async function autoCampaign(input: AutoInput): Promise<AutoRow[]> {
  // KVM itself (virt/, x86/) before what surrounds it (host/, hw/): time may be short.
  const sites = input.sites
    .filter((site) => input.areas.includes(areaOfSite(site)))
    .sort((a, b) => (shortSite(a) < shortSite(b) ? 1 : -1));
  const reached = await reach(input);
  const rows: AutoRow[] = [];
  let next = 0;
  const one = async () => {
    for (let i = next++; i < sites.length; i = next++) {
      const site = sites[i] as string;
      const judged = await judgeSite(site, reached, input);
      const used = judged.verdict === 'noticed' ? undefined : reached.uses.get(site);
      const row = used === undefined ? judged : { ...judged, uses: used };
      rows.push(row);
      input.onRow?.(row, rows.length, sites.length);
    }
  };
  await Promise.all(Array.from({ length: input.width }, one));
  return rows.sort((a, b) => (`${a.area}:${a.site}` < `${b.area}:${b.site}` ? -1 : 1));
}

/** 'auto:AREA:packages/kvm/src/FILE#FUNCTION:WHAT' */
export function areaOfSite(site: string): string {
  return site.split(':', 2)[1] || 'none';
}

export function shortSite(site: string): string {
  return site.replace(/^auto:\w*:packages\/kvm\/src\//, '');
}

/** A finding for each survivor without a reason; incomplete if something was not decided. */
export function autoStatus(rows: readonly AutoRow[]): 0 | 1 | 3 {
  if (rows.some(({ verdict, says }) => verdict === 'survives' && says === '')) return 1;
  return rows.some(({ verdict }) => verdict === 'undecided' || verdict === 'not tried') ? 3 : 0;
}

interface Reached {
  readonly comeTo: ReadonlyMap<string, readonly CheckResult[]>;
  readonly deep: ReadonlyMap<string, readonly CheckResult[]>;
  readonly uses: ReadonlyMap<string, Uses>;
}

/** Scenarios that come to each site in the unchanged system, smallest first. */
async function reach({ scenarios, deep, attempt }: AutoInput): Promise<Reached> {
  const unchanged = await Promise.all(
    scenarios.map((scenario) => attempt({ scenario, off: [], most: MOST, model: 'sc', reached: true })),
  );
  const begun = await Promise.all(
    deep.map((scenario) => attempt({ scenario, off: [], most: DEEP, model: 'sc', reached: true })),
  );
  const sound = unchanged.filter(silent).sort((a, b) => executionsOf(a) - executionsOf(b));
  const unbroken = begun.filter(({ findings }) => findings.every(({ kind }) => kind === 'sometimes'));
  return {
    comeTo: bySite(sound),
    deep: bySite(unbroken),
    uses: usesOfSites([...sound, ...unbroken]),
  };
}

function bySite(results: readonly CheckResult[]): Map<string, CheckResult[]> {
  const comeTo = new Map<string, CheckResult[]>();
  for (const result of results) {
    for (const site of result.reached ?? []) comeTo.set(site, [...(comeTo.get(site) ?? []), result]);
  }
  return comeTo;
}

async function judgeSite(site: string, reached: Reached, input: AutoInput): Promise<AutoRow> {
  const on = (reached.comeTo.get(site) ?? []).map(({ scenario }) => scenario);
  const deep = (reached.deep.get(site) ?? []).map(({ scenario }) => scenario);
  const row = (verdict: AutoVerdict, says: string): AutoRow => {
    return { site: shortSite(site), area: areaOfSite(site), verdict, says, scenarios: on.length };
  };
  const before = input.before.get(shortSite(site));
  if (before?.verdict === 'noticed') {
    const there = [...on, ...deep].filter((scenario) => before.says.startsWith(`${scenario}: `));
    const model = before.says.endsWith(' under x86-TSO') ? 'tso' : 'sc';
    const again = await lookFor({ site, model, on: there, rounds: [MOST] }, input);
    if (again.noticed !== '') return row('noticed', again.noticed);
  }
  const { verdict, says } = input.reasonFor(shortSite(site));
  if (before !== undefined && before.scenarios === on.length && SETTLED.has(before.verdict)) {
    return row(on.length > 0 ? verdict : 'not reached', says);
  }
  // Only a full barrier means more under x86-TSO than under sequential consistency.
  const models = /:smpMb( \(\d+\))?$|\.smpStoreMb/.test(site) ? (['sc', 'tso'] as const) : (['sc'] as const);
  const open: string[] = [];
  for (const model of models) {
    const looked = await lookFor({ site, model, on, rounds: [FIRST, MOST, PATIENCE] }, input);
    if (looked.noticed !== '') return row('noticed', looked.noticed);
    open.push(...looked.open);
  }
  const deeper = await lookFor({ site, model: 'sc', on: deep, rounds: [DEEP] }, input);
  if (deeper.noticed !== '') return row('noticed', deeper.noticed);
  if (Date.now() > input.until) return row('not tried', 'time was up');
  if (open.length > 0) return row('undecided', `${open.join(', ')}: a bound was hit`);
  return on.length > 0 ? row(verdict, says) : row('not reached', says);
}

const SETTLED: ReadonlySet<AutoVerdict> = new Set(['survives', 'elsewhere', 'not reached']);

interface Look {
  readonly site: string;
  readonly model: 'sc' | 'tso';
  readonly on: readonly string[];
  /** Executions: all scenarios get the first number of them before any gets the next. */
  readonly rounds: readonly number[];
}

/** What was found, '' if nothing, and the scenarios that were not explored to the end. */
async function lookFor(
  { site, model, on, rounds }: Look,
  input: AutoInput,
): Promise<{ readonly noticed: string; readonly open: readonly string[] }> {
  let open = on;
  for (const most of rounds) {
    const cut: string[] = [];
    for (const scenario of open) {
      if (Date.now() > input.until) return { noticed: '', open };
      const result = await attempted({ scenario, off: [site], most, model, reached: false }, input);
      if (typeof result === 'string') return { noticed: `${scenario}: ${result}`, open };
      if (result.findings.some(({ kind }) => kind !== 'sometimes')) return { noticed: noticed(result), open };
      if (result.bounds.length > 0) cut.push(scenario);
    }
    open = cut;
  }
  return { noticed: '', open };
}

/** Weakened, a step may keep the scenario from being set up at all: that is noticed as well. */
async function attempted(trial: AutoTrial, { attempt }: AutoInput): Promise<CheckResult | string> {
  try {
    return await attempt(trial);
  } catch (error) {
    const [first = ''] = error instanceof Error ? error.message.split('\n') : [];
    if (!first.startsWith('set-up ')) throw error;
    return first;
  }
}

function noticed({ scenario, findings, model }: CheckResult): string {
  const found = findings.find(({ kind }) => kind !== 'sometimes');
  const what = found === undefined ? '' : found.kind === 'always' ? `'${found.name}'` : found.kind;
  return `${scenario}: ${what}${model === 'tso' ? ' under x86-TSO' : ''}`;
}
