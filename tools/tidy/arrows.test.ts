import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ARROWS, importCycles, wrongImports } from './arrows.ts';
import { codeFiles, type File, ROOT, show } from './source.ts';

const FILES = codeFiles();

test('arrows between packages point only downward', () => {
  expect(show(wrongImports(FILES))).toEqual([]);
});

test('no circular import', () => {
  expect(importCycles(FILES)).toEqual([]);
});

test('every package has its place in the list of arrows', () => {
  expect(readdirSync(path.join(ROOT, 'packages')).sort()).toEqual(Object.keys(ARROWS).sort());
});

const file = (name: string, text: string): File => ({ path: name, text });

test.each([
  ['packages/machine/src/a.ts', `import { x } from '@faultline/kvm';`, /may not import 'kvm'/],
  ['packages/kvm/src/a.ts', `import type { X } from '@faultline/explore';`, /may not import 'explore'/],
  ['packages/kvm/src/a.ts', `const x = await import('@faultline/threads');`, /may not import 'threads'/],
  ['packages/kvm/src/a.ts', `export { x } from '../../machine/src/b.ts';`, /leaves the package/],
  ['packages/kvm/src/a.ts', `import { x } from './b';`, /lacks its suffix/],
  ['packages/kvm/src/a.ts', `import { x } from '@faultline/kvm';`, /its own package/],
  ['packages/new/src/a.ts', `import { x } from '@faultline/kvm';`, /not in the list/],
])('%s with %s is refused', (name, text, says) => {
  expect(show(wrongImports([file(name, text)])).join()).toMatch(says);
});

test('a cycle of imports is found, one of types is not', () => {
  const cycle = [
    file('packages/kvm/src/a.ts', `import { b } from './b.ts';`),
    file('packages/kvm/src/b.ts', `import { a } from './a.ts';`),
  ];
  expect(importCycles(cycle)).toEqual([
    'packages/kvm/src/a.ts -> packages/kvm/src/b.ts -> packages/kvm/src/a.ts',
  ]);
  const types = [cycle[0] as File, file('packages/kvm/src/b.ts', `import type { a } from './a.ts';`)];
  expect(importCycles(types)).toEqual([]);
});
