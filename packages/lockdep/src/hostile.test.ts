import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Explainer } from './explain.ts';
import { parseFrame } from './reports/frames.ts';
import { parseLockRef } from './reports/lock-ref.ts';
import { parseLockingDocument } from './rules/rst.ts';
import { everything } from './testing/everything.ts';
import * as make from './testing/generate.ts';
import { mutate } from './testing/mutate.ts';
import { explainString, summarise } from './testing/summary.ts';
import { parseTraceLine } from './trace/line.ts';

const FIXTURES = new URL('../fixtures/', import.meta.url);
const logs = [
  ...readdirSync(FIXTURES)
    .filter((f) => f.endsWith('.txt') || f.endsWith('.rst'))
    .map((f) => readFileSync(new URL(f, FIXTURES), 'utf8')),
  make.circular(make.samplePlan),
  make.stamped(make.irqInversion(make.samplePlan), 'caller'),
  make.hungTask(make.samplePlan),
  make.depthLimit(make.samplePlan),
];

test('no mutation of a log crashes the reader or a reporter', () => {
  fc.assert(
    fc.property(fc.nat(logs.length - 1), fc.integer(), fc.nat(logs.length - 1), (i, seed, j) => {
      everything(mutate(logs[i] ?? '', seed, logs[j] ?? ''));
    }),
    { numRuns: 2000 },
  );
});

test('no string crashes a line parser', () => {
  const scrap = fc.oneof(
    fc.string(),
    fc.constantFrom('(', ')', '){', '}', '[<', '>]', '+0x1/0x2', 'at: ', ' -> ', '#1', '{+.+.}'),
  );
  fc.assert(
    fc.property(fc.array(scrap, { maxLength: 20 }), (parts) => {
      const line = parts.join('');
      parseFrame(line);
      parseLockRef(line);
      parseTraceLine(line);
      parseLockingDocument(line, 'x');
      everything(line);
    }),
    { numRuns: 3000 },
  );
});

test('how the input is cut into chunks does not matter', () => {
  const text = make.stamped(make.circular(make.samplePlan), 'caller');
  const want = summarise(explainString(text));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), (size) => {
      const explainer = new Explainer();
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += size) explainer.push(bytes.subarray(at, at + size));
      expect(summarise(explainer.end())).toEqual(want);
    }),
    { numRuns: 60 },
  );
});

describe('lines made to be slow', () => {
  const long = 15_000;
  const lines: readonly string[] = [
    '('.repeat(long),
    ') {'.repeat(long / 3),
    `#0: ${'('.repeat(long)}){+.+.}, at: x`,
    ' '.repeat(long),
    `> ${'> '.repeat(long / 2)}`,
    `${'a'.repeat(long)}+0x1/0x2`,
    `${'a '.repeat(long / 2)}(b)`,
    `[<${'f'.repeat(long)}`,
    `${'CPU0   '.repeat(long / 7)}`,
    `${'='.repeat(long)}x`,
    `${'1 '.repeat(long / 2)}: ${'1.0 '.repeat(long / 4)}`,
    `x (${'a:1 '.repeat(long / 4)}`,
    `${'lock('.repeat(long / 5)}`,
    `INFO: task ${'x'.repeat(long)}:1 blocked for more than`,
    `-> #0 (${')('.repeat(long / 2)}`,
    `write${' '.repeat(long)}to 0x1`,
    `inconsistent {${'-'.repeat(long)}} -> {A} usage`,
    `qemu-1 [000] ${'d'.repeat(long)} 1.0: x: y`,
    `is called inside ${'kvm->lock and '.repeat(long / 14)} is taken outside ${'kvm->lock '.repeat(long / 10)}`,
  ];
  test.each(lines.map((line, i) => [i, line] as const))('line %i is read in a moment', (_, line) => {
    const text = `WARNING: possible circular locking dependency detected\n${line}\n-> #0 (a){+.+.}:\n${line}\n`;
    const start = process.cpuUsage();
    everything(text);
    parseLockingDocument(`1. Acquisition Orders\n-----\n\n- ${line}\n`, 'x');
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(500);
  });
});

test.each([
  [
    'a table that takes thousands of locks',
    `CPU0      CPU1\n${Array.from({ length: 400 }, (_, i) => `${`lock(a${i}); lock(b${i}); lock(c${i});`.padEnd(60)}lock(z${i});`).join('\n')}\n`,
  ],
  [
    'one chain of a hundred thousand locks',
    `irq_context: 0\n${'[00000000fb9331aa] some_lock\n'.repeat(100_000)}`,
  ],
  [
    'ten thousand classes that all nest',
    `all lock classes:\n${Array.from({ length: 10_000 }, (_, i) => `00000000fb9331aa FD: 1 BD: 1 +.+.: c${i}\n -> [00000000fb9331aa] c${(i * 7) % 10_000}`).join('\n')}\n`,
  ],
  [
    'a cycle of five thousand links',
    `WARNING: possible circular locking dependency detected\n${Array.from({ length: 5000 }, (_, i) => `-> #${i % 1000} (l${i}){+.+.}:\n f+0x1/0x2\n`).join('')}`,
  ],
])('%s is read in a moment', (_, text) => {
  const start = process.cpuUsage();
  everything(text, 1 << 16);
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(3000);
});

test('reports that a thousand speakers leave open are closed, none is lost', () => {
  const text = Array.from(
    { length: 1000 },
    (_, i) =>
      `[    1.000000][ T${i + 1}] WARNING: possible recursive locking detected\n[    1.000000][ T${i + 1}] f/${i + 1} is trying to acquire lock:\n`,
  ).join('');
  expect(explainString(text).found).toHaveLength(1000);
});

test('memory stays bounded on a text of reports without end', () => {
  const explainer = new Explainer();
  const block = make.circular(make.samplePlan).repeat(40);
  for (let i = 0; i < 120; i++) explainer.push(block);
  const x = explainer.end();
  expect(x.found).toHaveLength(2000);
  expect(x.cut).toBe(true);
});
