/**
 * Goal: what the documents say about sizes and races is what an exploration finds now, within the budget; and every step
 * that is there to close a race is needed. One run of `check` and one of `mutate` over the whole catalogue.
 */
import { readFileSync } from 'node:fs';
import { kvmRules } from '@faultline/lockdep';
import { mutants, scenarios } from '@faultline/scenarios';
import { beforeAll, expect, test } from 'vitest';
import { breakersOf, isPermission } from '../../packages/cli/src/locks/broken-by.ts';
import { coverageOf } from '../../packages/cli/src/locks/coverage.ts';
import { guardedFields } from '../../packages/cli/src/locks/protects.ts';
import type { Row } from '../../packages/cli/src/mutate/judge.ts';
import type { CheckResult } from '../../packages/cli/src/run/job.ts';
import { sizeOf } from '../../packages/cli/src/sizes.ts';
import { faultline } from '../../packages/cli/src/testing/run.ts';
import { unexplained } from './fidelity.ts';
import { galleryPage, type Picture, type Wanted, wanted } from './gallery-page.ts';
import { type LockingFacts, lockingPage } from './locking-page.ts';
import { inRoot } from './page.ts';

const MAX_EXECUTIONS = 20_000;
const MAX_STEPS = 120;

interface Campaign {
  readonly rows: readonly Row[];
  readonly unbroken: readonly string[];
}

let RESULTS: readonly CheckResult[];
let CAMPAIGN: Campaign;
beforeAll(() => {
  RESULTS = json<CheckResult[]>('check', '--reporter', 'json', '--locks');
  CAMPAIGN = json<Campaign>('mutate', '--reporter', 'json', '--pictures');
}, 900_000);

test('every default scenario ends as it says: verified, or violated where a document is wrong', () => {
  const others = RESULTS.filter(({ verdict, expected }) => verdict !== (expected ? 'violated' : 'verified'));
  expect(others.map(({ scenario, verdict }) => `${scenario}: ${verdict}`)).toEqual([]);
  expect(RESULTS.map(({ scenario }) => scenario)).toEqual(
    scenarios.filter((s) => s.deep !== true).map((s) => s.name),
  );
});

test('a default scenario needs at most 20,000 executions and 120 steps', () => {
  expect(overBudget(RESULTS)).toEqual([]);
  const [first] = RESULTS as [CheckResult];
  expect(overBudget([{ ...first, complete: MAX_EXECUTIONS + 1 }])).toHaveLength(1);
  expect(overBudget([{ ...first, maxDepth: MAX_STEPS + 1 }])).toHaveLength(1);
});

test('a sentence is called wrong only where a scenario shows it', () => {
  const wrong = scenarios.filter((s) => s.claims.some((claim) => claim.verdict === 'wrong'));
  expect(wrong.filter((s) => s.expect !== 'violated').map((s) => s.name)).toEqual([]);
});

test('no change of the system is missed, and every rule falls to some change', () => {
  const missed = CAMPAIGN.rows.filter(({ verdict }) => verdict === 'MISSED');
  expect(missed.map(({ name, seen }) => `${name}: ${seen.join('; ')}`)).toEqual([]);
  expect(CAMPAIGN.unbroken).toEqual([]);
  expect(CAMPAIGN.rows.length).toBeGreaterThanOrEqual(mutants.length);
});

test('packages/scenarios/sizes.json is fresh', async () => {
  const sizes = Object.fromEntries(RESULTS.map((result) => [result.scenario, sizeOf(result)]));
  await expect(`${JSON.stringify(sizes, null, 2)}\n`).toMatchFileSnapshot(
    inRoot('packages/scenarios/sizes.json'),
  );
});

test('docs/gallery.md is fresh', async () => {
  const { file, text } = galleryPage(wanted(scenarios, mutants).map(picture));
  await expect(text).toMatchFileSnapshot(inRoot(file));
});

test('docs/locking.md is fresh', async () => {
  const { file, text } = lockingPage(lockingFacts());
  await expect(text).toMatchFileSnapshot(inRoot(file));
});

test('every change that is said to break a rule of locks breaks it', () => {
  const { brokenBy } = lockingFacts();
  const silent = breakersOf(mutants).filter(
    ({ rule, variant }) => !brokenBy.get(rule)?.some((name) => mutantNamed(name)?.variant === variant),
  );
  expect(silent).toEqual([]);
});

test('every rule that forbids something is broken by some change', () => {
  const { coverage, brokenBy } = lockingFacts();
  const never = coverage.rules.filter(({ rule, key }) => !isPermission(rule) && !brokenBy.has(key));
  expect(never.map(({ key }) => key)).toEqual([]);
});

test('no interrupt finds a lock held that it needs, over all scenarios together', () => {
  const { interrupts, usages } = lockingFacts().coverage;
  expect(interrupts.map(({ text }) => text)).toEqual([]);
  expect([...usages].filter(([, bits]) => [...bits.keys()].some((bit) => bit.startsWith('IN-')))).not.toEqual(
    [],
  );
});

test('every lock of the model is taken by some scenario', () => {
  const { coverage } = lockingFacts();
  const never = coverage.locks.filter(
    ({ lock, scenarios: by }) => lock.left === undefined && by.length === 0,
  );
  expect(never.map(({ lock }) => lock.name)).toEqual([]);
});

test('docs/fidelity.md explains each edge that a recorded kernel has and the scenarios have not, or the reverse', () => {
  const page = readFileSync(inRoot('docs/fidelity.md'), 'utf8');
  const { graph } = lockingFacts().coverage;
  expect(unexplained(graph, page)).toEqual([]);
  expect(unexplained(graph, '').length).toBeGreaterThan(20);
});

function lockingFacts(): LockingFacts {
  const book = kvmRules();
  const observed = RESULTS.map(({ scenario, locks = [] }) => ({ scenario, rows: locks }));
  const brokenBy = new Map<string, string[]>();
  for (const { name, rules = [] } of CAMPAIGN.rows) {
    for (const rule of rules) brokenBy.set(rule, [...(brokenBy.get(rule) ?? []), name]);
  }
  return { coverage: coverageOf(observed, book), book, guards: guardedFields(), brokenBy };
}

function mutantNamed(name: string) {
  return mutants.find((mutant) => mutant.name === name);
}

function overBudget(results: readonly CheckResult[]): string[] {
  return results
    .filter((result) => sizeOf(result).executions > MAX_EXECUTIONS || result.maxDepth > MAX_STEPS)
    .map(({ scenario }) => scenario);
}

function picture(want: Wanted): Picture {
  if (want.variant === '') {
    const result = RESULTS.find(({ scenario }) => scenario === want.scenario);
    const finding = result?.findings[0];
    if (result === undefined || finding === undefined) throw new Error(`${want.scenario} is not violated`);
    const falls = `falls in ${finding.executions} of ${sizeOf(result).executions}`;
    return { ...want, always: finding.name, diagram: finding.diagram, falls };
  }
  const row = CAMPAIGN.rows.find(({ name }) => name === want.mutant);
  const falls = /falls in \d+ of \d+$/.exec(row?.seen[0] ?? '')?.[0];
  if (row?.diagram === undefined || falls === undefined) throw new Error(`${want.mutant} is not caught`);
  return { ...want, diagram: row.diagram, falls };
}

function json<T>(...words: readonly string[]): T {
  const ran = faultline(words, { timeout: 1_500_000 });
  if (ran.status === null) throw new Error(`faultline ${words.join(' ')} did not end in 25 minutes`);
  if (ran.status === 2 || ran.status === 4) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout) as T;
}
