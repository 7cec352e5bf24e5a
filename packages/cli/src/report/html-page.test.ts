/** A page in Chromium: rows, keys, bits, no request, no error. And what can be said of it without a browser. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page as Tab } from 'playwright-core';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { type Started, startBrowser } from '../testing/browser.ts';
import { PAGE, RECORDING } from '../testing/recording.ts';
import { PageWriter } from './html-files.ts';
import { htmlPage } from './html-page.ts';

const FOLDER = mkdtempSync(path.join(os.tmpdir(), 'faultline-page-'));
const FILE = new PageWriter(`html:${FOLDER}/race.html`).write(PAGE);
let started: Started = { missing: 'not started' };

beforeAll(async () => {
  started = await startBrowser();
}, 120_000);
afterAll(async () => {
  if ('browser' in started) await started.browser.close();
  rmSync(FOLDER, { recursive: true, force: true });
});

interface Opened {
  readonly tab: Tab;
  /** Errors of the console and of scripts, and every request but the file itself. */
  readonly complaints: string[];
}

/** Skips the test with the reason where there is no browser. */
async function open(
  context: TestContext,
  options: { dark?: boolean; scripts?: boolean; at?: string } = {},
): Promise<Opened> {
  if (!('browser' in started)) {
    console.warn(started.missing);
    return context.skip(started.missing);
  }
  const tab = await started.browser.newPage({
    colorScheme: options.dark === true ? 'dark' : 'light',
    javaScriptEnabled: options.scripts !== false,
    viewport: { width: 1400, height: 800 },
  });
  const complaints: string[] = [];
  const url = pathToFileURL(FILE).href;
  tab.on('console', (message) => complaints.push(`console: ${message.text()}`));
  tab.on('pageerror', (error) => complaints.push(`script: ${error.message}`));
  tab.on('request', (request) => {
    if (!request.url().startsWith(url) && request.url() !== 'data:,')
      complaints.push(`request: ${request.url()}`);
  });
  await tab.goto(url + (options.at ?? ''), { waitUntil: 'load' });
  return { tab, complaints };
}

const current = (tab: Tab) => tab.locator('tr[aria-current]').getAttribute('id');
const texts = async (tab: Tab, selector: string) =>
  (await tab.locator(selector).allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim());

test('each event is a row in the column of its thread, with its step and source', async (context) => {
  const { tab, complaints } = await open(context);
  expect(await texts(tab, '#steps thead th')).toEqual(['#', 'vcpu0', 'zap', 'locks held', 'source']);
  expect(await tab.locator('#steps tbody tr').count()).toBe(RECORDING.rows.length);
  expect(await texts(tab, '#s2 td:nth-child(2) .step')).toEqual(['mmu.fast_page_fault_cmpxchg']);
  expect(await texts(tab, '#s2 td:nth-child(3)')).toEqual(['']);
  expect(await texts(tab, '#s2 .source')).toEqual(['fast_page_fault() x86/fast_page_fault.ts:68']);
  expect(complaints).toEqual([]);
});

test('a row says what every thread holds, whoever took it', async (context) => {
  const { tab } = await open(context);
  expect(await texts(tab, '.held')).toEqual(Array(RECORDING.rows.length).fill('zap kvm->mmu_lock (write)'));
  expect(await texts(tab, '.lock.new')).toEqual(['kvm->mmu_lock (write)']);
});

test('bits that change are marked, in the row and beside it', async (context) => {
  const { tab } = await open(context);
  expect(await texts(tab, '#s2 .strip .changed')).toEqual(['W']);
  expect(await texts(tab, '#s4 .strip .changed')).toEqual(['D']);
  expect(await texts(tab, '#s5 .strip .changed')).toEqual([
    'MW',
    'HW',
    'pfn 5→0',
    'P',
    'D',
    'A',
    'X',
    'W',
    'R',
  ]);
  expect(await tab.locator('.bit').count()).toBe(64);
  expect(await texts(tab, '.bit.changed')).toEqual([]);
  await tab.keyboard.press('e');
  expect(await texts(tab, '.bit.changed')).toEqual(['1 W']);
  expect(await texts(tab, '.fields .changed')).toEqual(['W 0 → 1 1 writable']);
});

test('the keyboard steps through rows, switches of CPU and changes, and stops at the ends', async (context) => {
  const { tab, complaints } = await open(context);
  const after: (string | null)[] = [await current(tab)];
  for (const key of ['j', 'ArrowDown', 'n', 'n', 'p', 'End', 'j', 'r', 'Home', 'k', 'e', 'e']) {
    await tab.keyboard.press(key);
    after.push(await current(tab));
  }
  expect(after).toEqual(['s1', 's2', 's3', 's5', 's5', 's2', 's6', 's6', 's5', 's1', 's1', 's2', 's4']);
  expect(await tab.locator('#where').textContent()).toBe('vcpu0, row 4 of 6');
  expect(await tab.locator('#path').textContent()).toContain('walk() packages/kvm/src/x86/walk.ts:70');
  expect(new URL(tab.url()).hash).toBe('#s4');
  expect(complaints).toEqual([]);
});

test('rows that the diagram leaves out can be hidden, and stepping skips them', async (context) => {
  const { tab } = await open(context);
  await tab.keyboard.press('h');
  expect(await tab.locator('#steps tbody tr:visible').count()).toBe(4);
  expect(await current(tab)).toBe('s2');
  await tab.keyboard.press('j');
  expect(await current(tab)).toBe('s4');
});

test('a link to a row opens there, and a click goes to one', async (context) => {
  const { tab } = await open(context, { at: '#s4' });
  expect(await current(tab)).toBe('s4');
  await tab.locator('#s2 td').nth(1).click();
  expect(await current(tab)).toBe('s2');
});

test('without scripts the table is whole', async (context) => {
  const { tab } = await open(context, { scripts: false });
  expect(await tab.locator('#steps tbody tr:visible').count()).toBe(RECORDING.rows.length);
  expect(await tab.locator('#panel').isVisible()).toBe(false);
  expect(await tab.locator('#command').textContent()).toBe(PAGE.command);
});

test('dark and light differ, and paper is white and has no tools', async (context) => {
  const background = (tab: Tab) => tab.evaluate('getComputedStyle(document.body).backgroundColor');
  const light = (await open(context)).tab;
  const { tab: dark } = await open(context, { dark: true });
  expect(await background(light)).toBe('rgb(255, 255, 255)');
  expect(await background(dark)).toBe('rgb(20, 23, 26)');
  await dark.emulateMedia({ media: 'print', colorScheme: 'dark' });
  expect(await background(dark)).toBe('rgb(255, 255, 255)');
  expect(await dark.locator('#tools').isVisible()).toBe(false);
  expect(await dark.locator('#panel').isVisible()).toBe(false);
});

test('text of a scenario is never markup', async (context) => {
  expect(htmlPage(PAGE)).not.toContain('<script>alert');
  const { tab, complaints } = await open(context, { at: '#s6' });
  expect(await tab.locator('#now').textContent()).toBe('frees <script>alert(1)</script> <==');
  expect(complaints).toEqual([]);
});

test('a page refers to nothing outside itself', () => {
  const page = htmlPage(PAGE);
  expect(page.match(/\b(src|href|action|url)\s*[=(]\s*["']?[^"'#)\s>]+/g)).toEqual(['href="data:,']);
  expect(page).toContain('default-src &#39;none&#39;; img-src data:; style-src &#39;sha256-');
});
