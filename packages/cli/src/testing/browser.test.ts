/** A browser that cannot start is no silent pass: the reason is given, or thrown where a browser is expected. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { startBrowser } from './browser.ts';

/** A temporary folder whose 'chromium' is no program. */
const FOLDER = mkdtempSync(path.join(os.tmpdir(), 'faultline-browser-'));
for (const name of ['chromium', 'fonts', 'al2023', 'swiftshader'])
  writeFileSync(path.join(FOLDER, name), 'not a program');
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

test('without a word about it, a browser that cannot start is missing, with the reason', async () => {
  vi.stubEnv('TMPDIR', FOLDER);
  vi.stubEnv('CHROMIUM', '');
  expect(await startBrowser()).toEqual({ missing: expect.stringMatching(/^no Chromium here: .+/) });
});

test('with CHROMIUM=required the same is an error', async () => {
  vi.stubEnv('TMPDIR', FOLDER);
  vi.stubEnv('CHROMIUM', 'required');
  await expect(startBrowser()).rejects.toThrow(/^CHROMIUM=required wants a browser, but: no Chromium here: /);
});

test('a path that is asked for must exist', async () => {
  vi.stubEnv('CHROMIUM', path.join(FOLDER, 'gone'));
  await expect(startBrowser()).rejects.toThrow(/gone: no such file; expected a browser/);
});
