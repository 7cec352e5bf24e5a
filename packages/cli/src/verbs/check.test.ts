/** Goal: `check` on files of a user, anywhere on disk, good and bad: each message says what to do. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { CheckResult } from '../run/job.ts';
import { BIN, faultline, ROOT } from '../testing/run.ts';

const FOLDER = mkdtempSync(path.join(os.tmpdir(), 'faultline-check-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const at = path.join(FOLDER, name);
  writeFileSync(at, text);
  return at;
}

/** Two threads that count; `body` is what each does with the cell `n`. */
function counter(body: string, more = ''): string {
  return `/** @area counter */
import { cell32, mutex, scenario, struct } from '@faultline/machine';
const Counter = struct('counter', { n: cell32, lock: mutex });
export const lost = scenario('counter/update-lost', {
  source: 'a test',
  defends: ['counter.take_lock'],
  *setup() { const c = Counter.alloc(); yield* c.n.writeOnce(0); return c; },
  threads: {
    *first(c) { ${body} },
    *second(c) { ${body} },
  },
  always: { 'both count': (_, c) => c.n.peek() === 2 },
  sometimes: { ${more} },
});
`;
}
const RACY = 'yield* c.n.writeOnce((yield* c.n.readOnce()) + 1);';
const LOCKED = `take_lock: yield* c.lock.lock(); ${RACY} take_lock: yield* c.lock.unlock();`;

test('a scenario in a file outside the project is verified, and says of what', () => {
  const ran = faultline(['check', file('locked.ts', counter(LOCKED))]);
  expect(ran.stderr).toBe('');
  expect(ran.stdout).toMatch(/^verified {2}counter\/update-lost\n/);
  expect(ran.stdout).toMatch(
    /2 threads, sequential consistency, mode optimal: 2 executions, 1 distinct state, /,
  );
  expect(ran.status).toBe(0);
});

test('a step left out is a violation with the rule that falls, in how many executions', () => {
  const ran = faultline(['check', file('locked.ts', counter(LOCKED)), '--without', 'counter.take_lock']);
  expect(ran.stdout).toMatch(/^violated {2}counter\/update-lost \(without counter.take_lock\)/);
  expect(ran.stdout).toMatch(/falls: 'both count', in \d+ of \d+ executions/);
  expect(ran.status).toBe(1);
});

test('all modes agree on the verdict', () => {
  const racy = file('racy.ts', counter(RACY));
  for (const mode of ['naive', 'sleep', 'source', 'optimal']) {
    const ran = faultline(['check', racy, '--mode', mode, '--reporter', 'json']);
    const [result] = JSON.parse(ran.stdout) as [CheckResult];
    expect([mode, result.verdict, result.complete, Object.keys(result.always)]).toEqual([
      mode,
      'violated',
      4,
      ['both count'],
    ]);
  }
});

test('a `sometimes` that never happens is a finding: the scenario tested nothing', () => {
  const ran = faultline(['check', file('never.ts', counter(LOCKED, "'three': (_, c) => c.n.peek() === 3"))]);
  expect(ran.stdout).toMatch(/never happens: 'three', in none of 2 executions/);
  expect(ran.status).toBe(1);
});

test('a bound that is hit is said, and the run is incomplete', () => {
  const racy = file('bounded.ts', counter(RACY).replace('=== 2', '> 0'));
  const few = faultline(['check', racy, '--max-executions', '1']);
  expect(few.stdout).toMatch(/^inconclusive[\s\S]*bound: maxExecutions=1 reached after 1 execution/);
  expect(few.status).toBe(3);
  const short = faultline(['check', racy, '--max-steps', '2']);
  expect(short.stdout).toMatch(/bound: maxSteps=2 reached in \d+ executions/);
  expect(short.status).toBe(3);
});

test('a thread that throws is named, with the message and the line of the file', () => {
  const text = counter(`${RACY}\nif ((yield* c.n.readOnce()) === 2) throw new Error('two is too many');`);
  const ran = faultline(['check', file('throws.ts', text)]);
  expect(ran.stdout).toMatch(/two is too many/);
  expect(ran.stdout).toMatch(/(first|second)/);
  expect(ran.stdout).toMatch(/throws\.ts:1[0-3]/);
  expect(ran.status).toBe(1);
});

test.each([
  ['no such file', ['check', 'missing.ts'], /missing\.ts: no such file; expected a TypeScript file/],
  ['not TypeScript', ['check', './package.json'], /expected a TypeScript file/],
  ['an unknown name', ['check', 'memslot'], /no scenario, area or file 'memslot'.*Did you mean 'memslots'/],
  [
    'an unknown step',
    ['check', 'memslots', '--without', 'memslots.second_bump'],
    /no step named 'memslots.second_bump'; did you mean/,
  ],
  [
    'an unknown variant',
    ['check', 'memslots', '--with', 'before-ee3d1570'],
    /no variant 'before-ee3d1570'.*Did you mean 'before-ee3d1570b586'/,
  ],
  ['a variant file that is missing', ['check', 'memslots', '--with', 'gone.ts'], /gone\.ts: no such file/],
  [
    'a mode that is none',
    ['check', 'memslots', '--mode', 'fast'],
    /Allowed choices are naive, sleep, source, optimal/,
  ],
  ['a number that is none', ['check', 'memslots', '--max-steps', 'many'], /Expected a whole number/],
])('%s is refused with what to do', (_, words, says) => {
  const ran = faultline(words);
  expect(ran.stderr).toMatch(says);
  expect(ran.status).toBe(2);
});

test.each([
  ['syntax.ts', 'export const x = ;', /syntax\.ts:1/],
  ['none.ts', 'export const x = 1;', /exports no scenario; expected 'export const name = scenario\(/],
  ['throws-at-once.ts', "throw new Error('at once');", /does not load: at once\n.*throws-at-once\.ts:1/],
  [
    'bad-name.ts',
    counter(RACY).replace('counter/update-lost', 'Lost'),
    /scenario name 'Lost': expected 'area\/bad-thing/,
  ],
  ['plain-yield.ts', 'export function* f() {\n  yield 1;\n}', /plain-yield\.ts:2: plain `yield` in a task/],
  [
    'unknown-import.ts',
    "import { x } from './nowhere.ts'; export const y = x;",
    /unknown-import\.ts:1:\d+: Could not resolve/,
  ],
])('%s is refused with the place', (name, text, says) => {
  const ran = faultline(['check', file(name, text)]);
  expect(ran.stderr).toMatch(says);
  expect(ran.stderr).not.toMatch(/defect of faultline/);
  expect(ran.status).toBe(2);
});

test('a set-up that throws is the fault of the scenario', () => {
  const text = counter(RACY).replace(
    'const c = Counter',
    "if (Counter) throw new Error('no room'); const c = Counter",
  );
  const ran = faultline(['check', file('setup.ts', text)]);
  expect(ran.stderr).toMatch(/set-up of counter\/update-lost: no room\n.*setup\.ts:7/);
  expect(ran.status).toBe(2);
});

test('a file that is no variant and one that is stale are refused', () => {
  const none = faultline(['check', 'memslots', '--with', file('variant.ts', 'export const x = 1;')]);
  expect(none.stderr).toMatch(
    /variant\.ts:1: not a variant: no doc comment says '@replaces FILE#FUNCTION HASH'/,
  );
  expect(none.status).toBe(2);
  const text = `import type { Task } from '@faultline/machine';
/** @replaces packages/kvm/src/virt/install-memslots.ts#installNewMemslots 00000000 */
export function* installNewMemslots(): Task<never> {}\n`;
  const stale = faultline(['check', 'memslots', '--with', file('stale.ts', text)]);
  expect(stale.stderr).toMatch(/stale\.ts:2: stale variant: it replaces installNewMemslots\(\)/);
  expect(stale.status).toBe(2);
});

test('Ctrl-C in a long run prints what was done so far, as inconclusive', async () => {
  const long = file('long.ts', counter(RACY.repeat(6)).replace('=== 2', '>= 0'));
  const child = spawn(process.execPath, [BIN, 'check', long, '--mode', 'naive'], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1' },
  });
  let out = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  setTimeout(() => child.kill('SIGINT'), 3000);
  const status = await new Promise((done) => child.on('exit', done));
  expect(out).toMatch(
    /^inconclusive {2}counter\/update-lost[\s\S]*bound: stopped on request after [\d,]+ executions/,
  );
  expect(status).toBe(3);
});

test('a reply for a mailing list has no line of more than 72 columns, commands aside', () => {
  const ran = faultline(['check', file('racy.ts', counter(RACY)), '--reporter', 'mail']);
  const long = ran.stdout.split('\n').filter((line) => line.length > 72 && !line.includes('npx faultline'));
  expect(long).toEqual([]);
  expect(ran.stdout).toMatch(/^counter\/update-lost: violated/);
});
