/** Goal: the first screen keeps its promises: something at once, all of it within a minute, on one screen. */
import { spawn } from 'node:child_process';
import { beforeAll, expect, test } from 'vitest';
import { BIN, faultline, ROOT } from '../testing/run.ts';

interface Screen {
  readonly text: string;
  readonly lines: readonly string[];
  readonly status: number | null;
  readonly firstAt: number;
  readonly endAt: number;
}

let screen: Screen;
beforeAll(async () => {
  faultline(['--help']);
  screen = await start();
}, 90_000);

async function start(): Promise<Screen> {
  const began = performance.now();
  const child = spawn(process.execPath, [BIN, 'start'], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  let firstAt = 0;
  child.stdout.on('data', (data) => {
    if (text === '') firstAt = performance.now() - began;
    text += data;
  });
  const status = await new Promise<number | null>((done) => child.on('close', done));
  return { text, lines: text.trimEnd().split('\n'), status, firstAt, endAt: performance.now() - began };
}

test('it begins within a second and ends within a minute, with exit code 0', () => {
  // Other tests run beside this one: three seconds here are well under one alone.
  expect(screen.firstAt).toBeLessThan(3000);
  expect(screen.endAt).toBeLessThan(60_000);
  expect(screen.status).toBe(0);
});

test('it fits on a screen of 45 lines', () => {
  expect(screen.lines.length).toBeLessThanOrEqual(45);
});

test('it has a line for each area, the load-bearing score, a race, and what to do next', () => {
  for (const area of ['srcu', 'memslots', 'io', 'mmio']) {
    expect(screen.text).toMatch(new RegExp(`^ {2}${area} +\\d+ scenarios? +[\\d,]+ executions`, 'm'));
  }
  expect(screen.text).toMatch(/^load-bearing: \d+ of \d+ changes are noticed/m);
  expect(screen.text).toMatch(/in the code before ee3d1570b586/);
  expect(screen.text).toMatch(/^vcpu0 +ioctl$/m);
  expect(screen.text).toMatch(/^Next:$/m);
  expect(screen.text).toMatch(/What it does not find/);
});

test('the token of the race that it shows replays', () => {
  const token = /replay (f1\.\S+)/.exec(screen.text)?.[1] as string;
  const ran = faultline(['replay', token]);
  expect(ran.stdout).toMatch(/replayed exactly/);
  expect(ran.status).toBe(1);
});
