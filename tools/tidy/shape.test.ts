import { expect, test } from 'vitest';
import { barrels, defaultExports, entries, tooLong } from './shape.ts';
import { codeFiles, type File, projectFiles, show } from './source.ts';

const FILES = codeFiles();
const ENTRIES = entries(projectFiles('package.json'));

test('a file has at most 500 lines and a function at most 70', () => {
  expect(show(FILES.flatMap(tooLong))).toEqual([]);
});

test('no default export, apart from the configuration that the test runner wants so', () => {
  expect(show(FILES.filter((f) => f.path !== 'vitest.config.ts').flatMap(defaultExports))).toEqual([]);
});

test('no barrel, apart from the entries of packages', () => {
  expect(show(FILES.flatMap((file) => barrels(file, ENTRIES)))).toEqual([]);
  expect(ENTRIES.has('packages/machine/src/index.ts')).toBe(true);
});

const file = (text: string): File => ({ path: 'packages/kvm/src/a.ts', text });

test('a file of 501 lines and a function of 71 are too long; one less of each is not', () => {
  expect(tooLong(file('\n'.repeat(501)))).toHaveLength(1);
  expect(tooLong(file('\n'.repeat(500)))).toHaveLength(0);
  expect(tooLong(file(`const f = () => {${'\n'.repeat(70)}};`))).toHaveLength(1);
  expect(tooLong(file(`function f() {${'\n'.repeat(69)}}`))).toHaveLength(0);
});

test.each(['export default 1;', 'export default function f() {}', 'const a = 1; export { a as default };'])(
  '%s is refused',
  (text) => {
    expect(defaultExports(file(text))).toHaveLength(1);
  },
);

test.each([`export * from './b.ts';`, `export { b } from './b.ts';`, `export type { B } from './b.ts';`])(
  '%s is refused outside an entry',
  (text) => {
    expect(barrels(file(text), ENTRIES)).toHaveLength(1);
    expect(barrels(file(text), new Set(['packages/kvm/src/a.ts']))).toHaveLength(0);
  },
);
