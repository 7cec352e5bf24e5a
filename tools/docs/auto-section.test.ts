/** Goal: what a recorded run says is on the page, and its counts are its rows. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reasonFor } from '../../packages/cli/src/mutate/auto-reasons.ts';
import type { AutoRecord } from '../../packages/cli/src/verbs/mutate-auto.ts';
import { AUTO_RUN, autoSection } from './auto-section.ts';
import { inRoot } from './page.ts';

const record = JSON.parse(readFileSync(inRoot(AUTO_RUN), 'utf8')) as AutoRecord;

test('the counts of the recorded run are those of its rows', () => {
  for (const [verdict, n] of Object.entries(record.counts))
    expect(record.rows.filter((row) => row.verdict === verdict)).toHaveLength(n);
});

test('each survivor is on the page, with the reason that is known today', () => {
  const page = autoSection();
  for (const { site, verdict, says } of record.rows) {
    if (verdict !== 'survives') continue;
    expect(page).toContain(`\`${site}\` | ${says}`);
    expect(reasonFor(site)).toEqual({ verdict, says });
  }
});
