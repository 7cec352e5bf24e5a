import { expect, test } from 'vitest';
import { codeFiles, projectFiles, show } from './source.ts';
import { forbidden, switchedOff } from './words.ts';

const TEXTS = projectFiles('.ts', '.tsx', '.js', '.mjs', '.json', '.md', '.yml', 'run').filter(
  (file) => file.path !== 'package-lock.json',
);

test('no word of a workplace, no path of one machine, no private label', () => {
  expect(show(TEXTS.flatMap(forbidden))).toEqual([]);
});

test('a check is switched off only with a reason, a test never', () => {
  expect(show(codeFiles().flatMap(switchedOff))).toEqual([]);
});

const inFile = (text: string) => ({ path: 'packages/kvm/src/a.ts', text });

test.each([
  '// written by an ag' + 'ent',
  '// in an earlier ses' + 'sion',
  "readFileSync('/wo" + "rk/main/x')",
  "open('/tm" + "p/x')",
  '// caught: MU' + 'T-MS-3',
  'https://regis' + 'try.npmjs.org/x',
])('%s is refused', (text) => {
  expect(forbidden(inFile(text))).toHaveLength(1);
});

test.each([
  'const worker = a / work / b;',
  'import x from "../homework/x.ts";',
  'os.tmpdir() + "/x"',
  'sessile reagent',
])('%s is fine', (text) => {
  expect(forbidden(inFile(text))).toEqual([]);
});

test.each([
  '// @ts-' + 'ignore because',
  '// @ts-expect' + '-error',
  '// biome-' + 'ignore lint/x:',
  '// biome-' + 'ignore lint/suspicious/noExplicitAny',
  'test.sk' + 'ip("x", f)',
  'describe.on' + 'ly("x", f)',
])('%s is refused', (text) => {
  expect(switchedOff(inFile(text))).toHaveLength(1);
});

test('a suppression with its reason is fine', () => {
  expect(switchedOff(inFile('// biome-' + 'ignore lint/x: V8 keeps the shape only so'))).toEqual([]);
  expect(switchedOff(inFile('// @ts-expect' + '-error wrong on purpose: the point of the test'))).toEqual([]);
});
