/** `--reporter html` from the command line to the browser: files, names, what is refused. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type { CheckResult } from '../run/job.ts';
import { startBrowser } from '../testing/browser.ts';
import { faultline, ROOT } from '../testing/run.ts';

const FOLDER = mkdtempSync(path.join(os.tmpdir(), 'faultline-html-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const EXAMPLE = path.join(ROOT, 'docs/examples/dirty-bit-lost.ts');
const BROKEN = ['memslots/stale-mmio-decision', '--without', 'memslots.second_generation_bump'];
const pathIn = (stdout: string): string => /page: (\S+)$/m.exec(stdout)?.[1] ?? '';

test('a violation is written to the file asked for, which is printed; the exit code stays', () => {
  const file = path.join(FOLDER, 'deep/race.html');
  const ran = faultline(['check', ...BROKEN, '--reporter', `html:${file}`]);
  expect(ran.status).toBe(1);
  expect(ran.stdout).toMatch(/^violated {2}memslots\/stale-mmio-decision/);
  expect(pathIn(ran.stdout)).toBe(file);
  expect(readFileSync(file, 'utf8')).toContain('npx faultline replay f1.memslots/stale-mmio-decision.');
});

test('without a file it goes to .faultline, under the same name each time', () => {
  const names = [1, 2].map(() =>
    pathIn(faultline(['check', EXAMPLE, '--reporter', 'html'], { cwd: FOLDER }).stdout),
  );
  expect(names[0]).toMatch(/^\.faultline\/example-dirty-bit-lost-[0-9a-f]{8}\.html$/);
  expect(names[1]).toBe(names[0]);
  expect(existsSync(path.join(FOLDER, names[0] as string))).toBe(true);
});

test('each counterexample has a page of its own, and what holds has none', () => {
  const twice = path.join(FOLDER, 'twice.ts');
  const second = "'a second rule': ({ results }) => results.vcpu0 === 0 || results.zap === DIRTY,";
  writeFileSync(twice, readFileSync(EXAMPLE, 'utf8').replace('always: {', `always: { ${second}`));
  const folder = path.join(FOLDER, 'pages');
  const ran = faultline(['check', twice, 'memslots/stale-mmio-decision', '--reporter', `html:${folder}/`]);
  expect(ran.stdout).toMatch(/^verified {2}memslots\/stale-mmio-decision/m);
  expect(readdirSync(folder).filter((name) => /^example-dirty-bit-lost-.*\.html$/.test(name))).toHaveLength(
    2,
  );
  expect(readdirSync(folder)).toHaveLength(2);
  const numbered = faultline(['check', twice, '--reporter', `html:${FOLDER}/one.html`]);
  expect(numbered.stdout.match(/page: \S+/g)?.map((line) => path.basename(line))).toEqual([
    'one.html',
    'one-2.html',
  ]);
});

test('a replay writes a page too, with the token that it was given', () => {
  const checked = faultline(['check', EXAMPLE, '--reporter', 'json']);
  const [result] = JSON.parse(checked.stdout) as [CheckResult];
  const token = result.findings[0]?.token as string;
  const file = path.join(FOLDER, 'replay.html');
  const ran = faultline(['replay', token, EXAMPLE, '--reporter', `html:${file}`]);
  expect(ran.status).toBe(1);
  expect(pathIn(ran.stdout)).toBe(file);
  expect(readFileSync(file, 'utf8')).toContain(`<code id="token">${token}</code>`);
  expect(
    faultline(['replay', token, EXAMPLE, '--reporter', 'mail'])
      .stdout.split('\n')
      .filter((line) => line.length > 72),
  ).toEqual([]);
});

test.each([
  ['html:race.txt', /A page is a file that ends in \.html, or goes into a folder\//],
  ['htm', /Allowed choices are text, json, mail, html, html:FILE/],
  [`html:${EXAMPLE}/race.html`, /cannot write .*race\.html: /],
])('--reporter %s is refused with what to do', (reporter, says) => {
  const ran = faultline(['check', EXAMPLE, '--reporter', reporter]);
  expect(ran.stderr).toMatch(says);
  expect(ran.status).toBe(2);
});

test('the page of a real race has a row for each event, and names the bits of the MMIO entry', async (context) => {
  const started = await startBrowser();
  if ('missing' in started) {
    console.warn(started.missing);
    return context.skip(started.missing);
  }
  const { browser } = started;
  try {
    const file = path.join(FOLDER, 'real.html');
    faultline(['check', ...BROKEN, '--reporter', `html:${file}`]);
    const traced = faultline(['check', ...BROKEN, '--trace']).stdout;
    const events = traced.match(/^ +\d+ {2}\w+ +\S.* packages\//gm)?.length;
    const tab = await browser.newPage();
    const complaints: string[] = [];
    tab.on('console', (message) => complaints.push(message.text()));
    tab.on('pageerror', (error) => complaints.push(error.message));
    await tab.goto(pathToFileURL(file).href);
    expect(events).toBeGreaterThan(20);
    expect(await tab.locator('#steps tr.event').count()).toBe(events);
    await tab.keyboard.press('e');
    expect(await tab.locator('#cells').textContent()).toContain('MMIO: gfn 1, generation');
    expect(await tab.locator('#locks').textContent()).toContain('vcpu0: kvm->srcu, kvm->mmu_lock (read)');
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
  }
});
