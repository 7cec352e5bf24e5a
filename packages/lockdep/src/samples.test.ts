import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectedSamples } from './expected-samples.ts';
import { isProblem } from './render/explain-text.ts';
import { asEml, flattened, quoted, quotedPrintable, trimmed, wrapped } from './testing/damage.ts';
import { expectedShape, explainString, summarise } from './testing/summary.ts';

const SAMPLES = new URL('../../../../shared/samples/', import.meta.url);
const FIXTURES = new URL('../fixtures/', import.meta.url);
const present = existsSync(SAMPLES);

const own = {
  file: 'xen-shinfo-splat.txt',
  exit: 1,
  records: expectedSamples.find((s) => s.file.includes('dmesg-xen_shinfo'))?.records ?? [],
} as const;

const cases = [
  ...(present ? expectedSamples.map((s) => ({ ...s, url: new URL(s.file, SAMPLES) })) : []),
  { ...own, url: new URL(own.file, FIXTURES) },
];

describe(
  present ? 'the sample collection' : 'own fixtures only: the sample collection is not beside this tree',
  () => {
    test.each(cases)('$file says what a reader found in it by eye', ({ url, records, exit }) => {
      const x = explainString(readFileSync(url));
      expect(summarise(x)).toEqual(records.map(expectedShape));
      expect(isProblem(x)).toBe(exit === 1);
    });
  },
);

const syzkaller = present ? readdirSync(SAMPLES).filter((f) => f.startsWith('syzkaller-report-')) : [];

test.runIf(present).each(syzkaller)('%s: the title that its own first line states', (file) => {
  const text = readFileSync(new URL(file, SAMPLES), 'utf8');
  const title = /^TITLE: (.*)$/m.exec(text)?.[1];
  expect(summarise(explainString(text))[0]?.title).toBe(title);
});

const damages = [
  ['quoted', quoted],
  ['quoted twice', (t: string) => quoted(quoted(t))],
  ['wrapped at 72 columns', wrapped],
  ['wrapped, then quoted', (t: string) => quoted(wrapped(t))],
  ['quoted-printable without a header', quotedPrintable],
  ['a mail message', asEml],
  ['stripped of blanks and indentation', flattened],
  ['trimmed by hand', trimmed],
] as const;

describe.each(damages)('%s', (_, damage) => {
  test.each(cases)('$file still says the same, or states what was lost', ({ url, records }) => {
    const x = explainString(damage(readFileSync(url, 'utf8')));
    const losses = x.found.flatMap((f) => (f.type === 'report' ? f.report.losses : []));
    const got = summarise(x);
    const want = records.map(expectedShape);
    if (losses.length === 0) expect(got).toEqual(want);
    else
      expect(got.map((r) => [r.kind, r.locks, r.cycle])).toEqual(want.map((r) => [r.kind, r.locks, r.cycle]));
  });
});
