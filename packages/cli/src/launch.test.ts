/** Goal: the command line starts from a clone in which nothing was built, whoever else starts at the same time. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cacheFolder, cacheKey, prune } from '../build/cache.js';
import { BIN, faultline, ROOT } from './testing/run.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'faultline-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the first start builds what it needs and leaves one bundle, the second uses it', () => {
  const env = { FAULTLINE_CACHE: path.join(folder, 'first') };
  const first = faultline(['--help'], { env });
  expect(first.stderr).toBe('');
  expect(first.status).toBe(0);
  expect(first.stdout).toMatch(/^Usage: faultline/);
  expect(readdirSync(env.FAULTLINE_CACHE)).toEqual([cacheKey(ROOT)]);
  expect(faultline(['--help'], { env }).stdout).toBe(first.stdout);
});

test('starts at the same time do not harm each other', async () => {
  const env = { ...process.env, FAULTLINE_CACHE: path.join(folder, 'race') };
  const start = () =>
    new Promise<number | null>((done) => {
      spawn(process.execPath, [BIN, '--help'], { env, stdio: 'ignore' }).on('exit', done);
    });
  expect(await Promise.all([start(), start(), start()])).toEqual([0, 0, 0]);
  expect(readdirSync(env.FAULTLINE_CACHE)).toEqual([cacheKey(ROOT)]);
});

test('where node_modules cannot be written, the temporary folder of the system is used', () => {
  const root = path.join(folder, 'read-only');
  mkdirSync(root);
  writeFileSync(path.join(root, 'node_modules'), 'a file, so nothing can be made below it');
  const fallback = cacheFolder(root);
  expect(path.dirname(fallback)).toBe(os.tmpdir());
  rmSync(fallback, { recursive: true });
});

test('the key changes with a source and not with a test', () => {
  const root = path.join(folder, 'project');
  const source = path.join(root, 'packages/kvm/src');
  mkdirSync(source, { recursive: true });
  const before = cacheKey(root);
  writeFileSync(path.join(source, 'a.test.ts'), '');
  expect(cacheKey(root)).toBe(before);
  writeFileSync(path.join(source, 'a.ts'), '');
  const after = cacheKey(root);
  expect(after).not.toBe(before);
  utimesSync(path.join(source, 'a.ts'), 1, 1);
  expect(cacheKey(root)).not.toBe(after);
});

test('bundles of the last few states of the sources are kept, older ones go', () => {
  const cache = path.join(folder, 'prune');
  for (let i = 0; i < 12; i++) {
    const bundle = path.join(cache, i.toString(16).padStart(16, '0'));
    mkdirSync(bundle, { recursive: true });
    utimesSync(bundle, 1000 + i, 1000 + i);
  }
  prune(cache, '0'.repeat(16));
  const left = readdirSync(cache).sort();
  expect(left).toHaveLength(9);
  expect(left[0]).toBe('0'.repeat(16));
  expect(left[1]).toBe('4'.padStart(16, '0'));
});

test.each([
  [['--help'], 0, /Usage: faultline/],
  [['frobnicate'], 2, /unknown command 'frobnicate'/],
  [['lst'], 2, /Did you mean list\?/],
  [['list', '--frobnicate'], 2, /unknown option/],
  [['list', 'no-such-area'], 2, /no scenario, area or file 'no-such-area'/],
])('faultline %s exits with %i', (args, status, says) => {
  const ran = faultline(args);
  expect(ran.status).toBe(status);
  expect(ran.stdout + ran.stderr).toMatch(says);
});
