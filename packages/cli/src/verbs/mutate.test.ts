/** Goal: `mutate` from the outside. The run over the whole catalogue is in tools/docs/explored.test.ts. */
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { BIN, faultline, ROOT } from '../testing/run.ts';

test('an area alone is judged alone, with what was seen below each change', () => {
  const ran = faultline(['mutate', 'lifetime']);
  expect(ran.stdout).toMatch(/^lifetime\n {2}caught/);
  expect(ran.stdout).toMatch(/\n {13}lifetime\/[a-z-]+: '.*' falls in \d+ of \d+\n/);
  expect(ran.stdout).toMatch(/\nload-bearing: (\d+) of \d+ changes are noticed/);
  expect(ran.stdout).not.toMatch(/memslots\//);
  expect(ran.status).toBe(0);
});

test('an area that is none is refused with the near one', () => {
  const ran = faultline(['mutate', 'memslot']);
  expect(ran.stderr).toMatch(/no area 'memslot'. Did you mean 'memslots'\?/);
  expect(ran.status).toBe(2);
});

test('--auto knows the areas of the sites, before anything is tried', () => {
  const ran = faultline(['mutate', '--auto', 'notifer']);
  expect(ran.stderr).toMatch(/no area 'notifer'. Did you mean 'notifier'\?/);
  expect(ran.status).toBe(2);
});

test('Ctrl-C ends it as incomplete', async () => {
  const child = spawn(process.execPath, [BIN, 'mutate'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  setTimeout(() => child.kill('SIGINT'), 2500);
  const status = await new Promise((done) => child.on('close', done));
  expect(out).toMatch(/^inconclusive: stopped before every change was tried/);
  expect(status).toBe(3);
});
