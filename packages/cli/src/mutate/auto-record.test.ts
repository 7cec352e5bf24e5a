/** Goal: the recorded run is of the present code, and nothing that nobody missed is without a sentence that holds. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from '@faultline/machine/plugin';
import { expect, test } from 'vitest';
import { type AutoRecord, recordText } from '../verbs/mutate-auto.ts';
import type { AutoRow } from './auto.ts';
import { REASONS } from './auto-reasons.ts';
import { recordProblems } from './auto-record.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/** As the build names them. */
function presentSites(): string[] {
  const folder = path.join(ROOT, 'packages/kvm/src');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(?<!\.test)\.ts$/.test(file),
  );
  return files.flatMap((file) => {
    const name = `packages/kvm/src/${file.replaceAll('\\', '/')}`;
    const text = readFileSync(path.join(ROOT, name), 'utf8');
    const code = transform(text, name, { platform: 'explored', auto: true })?.code ?? '';
    return [...code.matchAll(/\$n\(("auto:[^"]*"),'auto'/g)].map(([, site]) => JSON.parse(site as string));
  });
}

const recorded = JSON.parse(
  readFileSync(path.join(ROOT, 'packages/scenarios/auto.json'), 'utf8'),
) as AutoRecord;

test('the recorded run is of the present sites, and each that nobody missed has a sentence that still holds', () => {
  expect(recordProblems(recorded.rows, presentSites(), REASONS)).toEqual([]);
});

test('the file is as the recorder writes it', () => {
  expect(readFileSync(path.join(ROOT, 'packages/scenarios/auto.json'), 'utf8')).toBe(recordText(recorded));
});

const SITE = 'x86/zap.ts#zapAll:root.spt.at(i).xchg';
const NAMED = `auto:none:packages/kvm/src/${SITE}`;
const reason = REASONS.find(({ sites }) => sites.includes(SITE)) as (typeof REASONS)[number];
const uses = { held: [], others: ['zapAll'], rivals: [] };
const row: AutoRow = { site: SITE, area: 'none', verdict: 'survives', says: reason.says, scenarios: 3, uses };
const only = [{ ...reason, sites: [SITE] }];

test.each([
  ['a site that the run has not seen', [], [NAMED], [], /not in the recorded run; run `npx faultline mutate/],
  ['a site that is gone', [row], [], [], /no longer in packages\/kvm/],
  [
    'a survivor without a sentence',
    [{ ...row, site: 'x86/a.ts#f:a.xchg', says: '' }],
    ['auto:none:packages/kvm/src/x86/a.ts#f:a.xchg'],
    [],
    /3 scenarios come here, and no sentence says why/,
  ],
  ['a site that was not tried', [{ ...row, verdict: 'not tried' as const }], [NAMED], [], /not tried/],
  ['a sentence that has changed', [{ ...row, says: 'before' }], [NAMED], [], /another sentence/],
  ['a reason whose site is gone', [], [], only, /stale reason, there is no such site/],
  [
    'a reason for what is noticed now',
    [{ ...row, verdict: 'noticed' as const, says: "mmu/x: 'it falls'" }],
    [NAMED],
    only,
    /stale reason .*mmu\/x: 'it falls'/,
  ],
  [
    'others that no lock keeps apart',
    [{ ...row, uses: { ...uses, rivals: ['zap'] } }],
    [NAMED],
    only,
    /a lock keeps others apart, and none does: zap/,
  ],
  [
    'somebody else where nobody ought to be',
    [row],
    [NAMED],
    [{ ...reason, sites: [SITE], shown: 'alone' as const }],
    /nobody else changes it, and the run has zapAll/,
  ],
  [
    'a lock that was not held',
    [row],
    [NAMED],
    [{ ...reason, sites: [SITE], shown: 'kvm->lock exclusive' as const }],
    /it has 'kvm->lock exclusive', and the run has no lock/,
  ],
  ['two reasons for one site', [row], [NAMED], [...only, ...only], /has two reasons/],
])('%s is a problem', (_, rows, sites, reasons, says) => {
  expect(recordProblems(rows, sites, reasons)).toEqual([expect.stringMatching(says)]);
});

test('a row that is as it should be is none', () => {
  expect(recordProblems([row], [NAMED], only)).toEqual([]);
});
