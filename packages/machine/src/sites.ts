/** Where each `yield*` of a transformed build stands: registered by the build plugin, read by traces. */
import { current } from './current.ts';

export interface Site {
  readonly file: string;
  readonly line: number;
  /** The function as the kernel names it (its @kernel tag), else as the code does. */
  readonly fn: string;
  /** The source text of the operand. */
  readonly text: string;
  /** Label of the statement it stands in, '' for none. */
  readonly label: string;
}

const sites: Site[] = [{ file: '', line: 0, fn: '', text: '', label: '' }];

/** Registers the sites of one file; returns the id of the first. Called by transformed modules. */
export function registerSites(
  file: string,
  rows: readonly (readonly [line: number, fn: string, text: string, label: string])[],
): number {
  const base = sites.length;
  for (const [line, fn, text, label] of rows) sites.push({ file, line, fn, text, label });
  return base;
}

export function siteById(id: number): Site {
  return sites[id] ?? (sites[0] as Site);
}

/** Notes where the task is, and passes on what it yields. */
export function atSite<T>(yielded: T, site: number): T {
  current.site = site;
  return yielded;
}
