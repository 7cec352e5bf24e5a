/** Goal: the generated pages say what the catalogue says. `npm run docs` writes them anew. */
import { mutants, scenarios } from '@faultline/scenarios';
import { expect, test } from 'vitest';
import { coveragePage } from './coverage-page.ts';
import { inRoot } from './page.ts';
import { seeds } from './seeds/all.ts';
import { seedsPage, unknownClaims, unsettled } from './seeds-page.ts';

test('docs/seeds.md is fresh', async () => {
  const { file, text } = seedsPage(seeds, scenarios);
  await expect(text).toMatchFileSnapshot(inRoot(file));
});

test('docs/coverage.md is fresh', async () => {
  const { file, text } = coveragePage(scenarios, mutants);
  await expect(text).toMatchFileSnapshot(inRoot(file));
});

test('every claim of a scenario is about a sentence that exists', () => {
  expect(unknownClaims(seeds, scenarios)).toEqual([]);
});

test('every sentence of a seed has a scenario or a reason', () => {
  expect(unsettled(seeds, scenarios)).toEqual([]);
});

test('a claim without a sentence and a sentence without a claim are noticed', () => {
  const [scenario] = scenarios;
  const invented = {
    ...(scenario as (typeof scenarios)[number]),
    claims: [{ seed: '002.99', says: '', verdict: 'holds' as const }],
  };
  expect(unknownClaims(seeds, [invented])).toHaveLength(1);
  expect(unsettled(seeds, []).length).toBeGreaterThan(10);
});
