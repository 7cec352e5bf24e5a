/** Goal: what the documents say about sizes and races is what an exploration finds now, and stays within the budget. */
import { mutants, scenarios } from '@faultline/scenarios';
import { expect, test } from 'vitest';
import type { CheckResult } from '../../packages/cli/src/run/job.ts';
import { sizeOf } from '../../packages/cli/src/sizes.ts';
import { faultline } from '../../packages/cli/src/testing/run.ts';
import { galleryPage, type Picture, type Wanted, wanted } from './gallery-page.ts';
import { inRoot } from './page.ts';

const MAX_EXECUTIONS = 20_000;
const MAX_STEPS = 120;

const RESULTS = check([]);

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

function overBudget(results: readonly CheckResult[]): string[] {
  return results
    .filter((result) => sizeOf(result).executions > MAX_EXECUTIONS || result.maxDepth > MAX_STEPS)
    .map(({ scenario }) => scenario);
}

function picture(want: Wanted): Picture {
  const [result] =
    want.variant === ''
      ? RESULTS.filter((r) => r.scenario === want.scenario)
      : check([want.scenario, '--with', want.variant]);
  const finding = result?.findings.find(({ name }) => want.always === '' || name === want.always);
  if (result === undefined || finding === undefined) {
    throw new Error(`${want.scenario} with ${want.variant}: '${want.always}' does not fall`);
  }
  return {
    ...want,
    always: finding.name,
    diagram: finding.diagram,
    executions: `${finding.executions} of ${sizeOf(result).executions} executions`,
  };
}

function check(words: readonly string[]): CheckResult[] {
  const ran = faultline(['check', ...words, '--reporter', 'json']);
  if (ran.status === 2 || ran.status === 4) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout) as CheckResult[];
}
