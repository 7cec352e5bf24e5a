/** A real Chromium for tests of pages. */
import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';

/** A browser, or why there is none. */
export type Started = { readonly browser: Browser } | { readonly missing: string };

/**
 * Starts the Chromium of the package registry; with CHROMIUM=PATH the one at that path. Where none can start, says why; with
 * CHROMIUM=required or a path it throws instead.
 */
export async function startBrowser(): Promise<Started> {
  const asked = process.env.CHROMIUM ?? '';
  try {
    return { browser: await launch(asked) };
  } catch (error) {
    const why = `no Chromium here: ${error instanceof Error ? error.message : String(error)}`;
    if (asked !== '') throw new Error(`CHROMIUM=${asked} wants a browser, but: ${why}`, { cause: error });
    return { missing: why };
  }
}

async function launch(asked: string): Promise<Browser> {
  const { chromium: playwright } = await import('playwright-core');
  if (asked !== '' && asked !== 'required') {
    if (!existsSync(asked)) throw new Error(`${asked}: no such file; expected a browser`);
    return playwright.launch({ executablePath: asked, args: ['--no-sandbox'] });
  }
  const { default: chromium } = await import('@sparticuz/chromium');
  return playwright.launch({ executablePath: await chromium.executablePath(), args: chromium.args });
}
