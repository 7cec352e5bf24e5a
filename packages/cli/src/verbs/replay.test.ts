/** Goal: a token gives the same execution on other machines, and is refused once it would not. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { CheckResult, ReplayResult } from '../run/job.ts';
import { faultline, ROOT } from '../testing/run.ts';

const FOLDER = mkdtempSync(path.join(os.tmpdir(), 'faultline-replay-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const EXAMPLE = path.join(ROOT, 'docs/examples/dirty-bit-lost.ts');
const KVM = ['memslots/stale-mmio-decision', '--with', 'before-ee3d1570b586'];

function check(...words: string[]) {
  const ran = faultline(['check', ...words, '--reporter', 'json']);
  const [result] = JSON.parse(ran.stdout) as [CheckResult];
  return result.findings[0] as CheckResult['findings'][number];
}

test('a token of a variant replays exactly, with the arena hash that check saw', () => {
  const { token, arenaHash, diagram } = check(...KVM);
  expect(token.length).toBeLessThanOrEqual(120);
  const ran = faultline(['replay', token, '--reporter', 'json']);
  const result = JSON.parse(ran.stdout) as ReplayResult;
  expect(ran.status).toBe(1);
  expect(result.exact).toBe(true);
  expect(result.arenaHash).toBe(arenaHash);
  expect(result.diagram).toBe(diagram);
});

test('a token of a step left out replays without naming the step again', () => {
  const { token } = check('memslots/stale-mmio-decision', '--without', 'memslots.second_generation_bump');
  const ran = faultline(['replay', token]);
  expect(ran.stdout).toMatch(/\(without memslots\.second_generation_bump\)/);
  expect(ran.stdout).toMatch(/falls: 'an access that starts after the ioctl returned goes to RAM'/);
  expect(ran.status).toBe(1);
});

test('a token of a file replays with the file, wherever that lies', () => {
  const copy = path.join(FOLDER, 'copy.ts');
  copyFileSync(EXAMPLE, copy);
  const { token } = check(EXAMPLE);
  const ran = faultline(['replay', token, copy, '--trace']);
  expect(ran.stdout).toMatch(/copy\.ts:\d+/);
  expect(ran.status).toBe(1);
});

test('after an edit of the scenario the token is stale, and the first step that differs is named', () => {
  const { token } = check(EXAMPLE);
  const edited = path.join(FOLDER, 'edited.ts');
  const text = readFileSync(EXAMPLE, 'utf8');
  writeFileSync(edited, text.replace('yield* spte.cmpxchg(old, old | W);', 'yield* spte.xchg(old | W);'));
  const ran = faultline(['replay', token, edited]);
  expect(ran.status).toBe(2);
  expect(ran.stderr).toMatch(/^faultline: stale token: example\/dirty-bit-lost/);
  expect(ran.stderr).toMatch(/step 3 is now 'vcpu0: xchg\(&page->spte, 3\)/);
  expect(ran.stderr).toMatch(/npx faultline check/);
});

test('an execution in a file replays like one in a token', () => {
  const { token } = check(EXAMPLE);
  const file = path.join(FOLDER, 'token.txt.ts');
  writeFileSync(file, `${token}\n`);
  expect(faultline(['replay', file, EXAMPLE]).status).toBe(1);
});

test('an execution that is too long for a token goes to a file, which replays', () => {
  const long = path.join(FOLDER, 'long.ts');
  writeFileSync(long, LONG);
  const checked = faultline(['check', long], { cwd: FOLDER });
  const file = /replay: npx faultline replay (\.faultline\/\S+\.json) /.exec(checked.stdout)?.[1] as string;
  const ran = faultline(['replay', file, long], { cwd: FOLDER });
  expect(ran.stdout).toMatch(/falls: 'n stays below 900'/);
  expect(ran.stdout).toMatch(/replayed exactly/);
  expect(ran.status).toBe(1);
});

const LONG = `import { cell32, choose, scenario, struct } from '@faultline/machine';
const Counter = struct('counter', { n: cell32 });
export const long = scenario('example/long', {
  source: 'a test',
  *setup() { const c = Counter.alloc(); yield* c.n.writeOnce(0); return c; },
  threads: {
    *only(c) {
      for (let i = 0; i < 900; i++) yield* c.n.fetchAdd(1);
      return yield* choose('last', 2);
    },
  },
  always: { 'n stays below 900': (_, c) => c.n.peek() < 900 },
  sometimes: {},
});
`;

const whole = check(EXAMPLE).token;
test.each([
  ['nonsense', ['replay', 'nonsense'], /not a token: 'nonsense'; expected f1\.<scenario>\.<payload>/],
  ['a token cut short', ['replay', whole.slice(0, -4), EXAMPLE], /was it copied whole\?/],
  ['an unknown scenario', ['replay', 'f1.memslots/stale-mmio.abc'], /no scenario.*'memslots\/stale-mmio'/],
  ['a missing file', ['replay', './gone.json'], /gone\.json: no such file; expected f1\./],
  [
    'a token of a file without the file',
    ['replay', whole],
    /no scenario, area or file 'example\/dirty-bit-lost'/,
  ],
  [
    'a file of other scenarios',
    ['replay', whole.replace('dirty-bit-lost', 'other'), EXAMPLE],
    /has no scenario 'example\/other'/,
  ],
  ['JSON that is no execution', ['replay', path.join(ROOT, './package.json')], /not a token/],
])('%s is refused', (_, words, says) => {
  const ran = faultline(words);
  expect(ran.stderr).toMatch(says);
  expect(ran.stderr).not.toMatch(/defect of faultline/);
  expect(ran.status).toBe(2);
});
