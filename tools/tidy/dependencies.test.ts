import { expect, test } from 'vitest';
import { missing } from '../complete-lock.js';
import { undeclared, unexplained, unpinned } from './dependencies.ts';
import { codeFiles, projectFiles, show } from './source.ts';

const MANIFESTS = projectFiles('package.json');
const DECISIONS = projectFiles('.md').filter((file) => file.path.startsWith('docs/decisions/'));

test('every dependency has a line in docs/decisions, and one version', () => {
  expect(show(unexplained(MANIFESTS, DECISIONS))).toEqual([]);
  expect(show(unpinned(MANIFESTS))).toEqual([]);
});

test('the lock file names the packages of every platform: npm ci refuses it otherwise (node tools/complete-lock.js)', () => {
  const [lock] = projectFiles('package-lock.json');
  const { packages } = JSON.parse(lock?.text ?? '') as { packages: Record<string, object> };
  expect(Object.keys(missing({ packages }))).toEqual([]);
  const short = { ...packages };
  delete short['node_modules/@biomejs/cli-darwin-arm64'];
  expect(Object.keys(missing({ packages: short }))).toEqual(['node_modules/@biomejs/cli-darwin-arm64']);
});

test('every import of a package is declared where it is used', () => {
  expect(show(undeclared(codeFiles(), MANIFESTS))).toEqual([]);
});

const manifest = { path: 'packages/kvm/package.json', text: '{"dependencies":{"left-pad":"^1.0.0"}}' };
const code = (text: string) => ({ path: 'packages/kvm/src/a.ts', text });

test('a dependency without a line, one that floats and one that is not declared are refused', () => {
  expect(unexplained([manifest], DECISIONS)).toHaveLength(1);
  expect(unexplained([manifest], [{ path: 'd.md', text: 'pads: `left-pad`' }])).toHaveLength(0);
  expect(unpinned([manifest])).toHaveLength(1);
  expect(undeclared([code(`import x from 'right-pad/y';`)], [manifest])).toHaveLength(1);
  expect(undeclared([code(`import x from 'left-pad/y'; import y from 'node:fs';`)], [manifest])).toEqual([]);
});
