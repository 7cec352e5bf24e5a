import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { BIN, faultline, ROOT } from '../testing/run.ts';

const SEED_002 = 'memslots/stale-mmio-decision';

test('a scenario runs clean on threads, and every final state is one that the explorer knows', () => {
  const { status, stdout } = faultline(['stress', SEED_002, '--against-explored']);
  expect(stdout).toMatch(
    /^clean {5}memslots\/stale-mmio-decision {2}5,000 runs in .*; seen [2-5] of 5 explored states$/m,
  );
  expect(status).toBe(0);
});

test('the code before the commit breaks on threads, and the report says which claim, and where to see why', () => {
  const { status, stdout } = faultline([
    'stress',
    SEED_002,
    '--with',
    'before-ee3d1570b586',
    '--chaos',
    '--time',
    '30',
  ]);
  expect(stdout).toContain('VIOLATED  memslots/stale-mmio-decision');
  expect(stdout).toContain('always: an access that starts after the ioctl returned goes to RAM');
  expect(stdout).toContain('npx faultline check memslots/stale-mmio-decision --with before-ee3d1570b586');
  expect(status).toBe(1);
});

test('the JSON report has runs, states and findings of each scenario, and what did not run', () => {
  const { status, stdout } = faultline(['stress', 'memslots', '--runs', '20', '--reporter', 'json']);
  const { scenarios, skipped } = JSON.parse(stdout);
  expect(scenarios.map((s: { rounds: number }) => s.rounds)).toEqual(scenarios.map(() => 20));
  expect(scenarios[0]).toMatchObject({
    scenario: SEED_002,
    threads: ['vcpu0', 'ioctl'],
    findings: [],
    seed: 1,
  });
  expect(skipped).toContainEqual({
    scenario: 'memslots/decision-outside-read-section',
    because: 'is violated on purpose; name it to run it',
  });
  expect(status).toBe(0);
});

test.each([
  [['memslots/stale-mmio-decison'], /Did you mean 'memslots\/stale-mmio-decision'/],
  [[SEED_002, '--without', 'memslots.second_generation_bum'], /did you mean memslots.second_generation_bump/],
  [[SEED_002, '--with', 'before-ee3'], /Did you mean 'before-ee3d1570b586'/],
  [[SEED_002, '--threads', '1'], /has 2 threads, more than --threads 1/],
  [['nowhere.ts'], /nowhere.ts: no such file/],
  [['memslots', 'nowhere.ts'], /or one scenario file, not both/],
  [['--runs', 'few'], /Expected a whole number above 0/],
])('stress %s is refused with what to do instead', (args, reason) => {
  const { status, stderr } = faultline(['stress', ...args]);
  expect(stderr).toMatch(reason);
  expect(status).toBe(2);
});

test('Ctrl-C prints what was done so far and exits 3', async () => {
  const child = spawn(process.execPath, [BIN, 'stress', 'io', '--time', '20'], { cwd: ROOT });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    // The first scenario is done, the second under way.
    if (stdout === '') child.kill('SIGINT');
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const status = await new Promise((resolve) => child.on('exit', resolve));
  expect(stderr).toContain('what was done so far follows');
  expect(stdout).toMatch(/^clean .*\n(.*\n)*stopped {3}io\/.* runs? in .*\n {2}interrupted/);
  expect(stdout).toMatch(/not begun/);
  expect(status).toBe(3);
});
