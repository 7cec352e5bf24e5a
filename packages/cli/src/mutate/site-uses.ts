/** What the scenarios that come to a site show of the place it changes: see SiteUse of the explorer. */
import type { CheckResult } from '../run/job.ts';

export interface Uses {
  /** Locks held each time that it was come to. */
  readonly held: readonly string[];
  /** Functions in which other threads change the same. */
  readonly others: readonly string[];
  /** Those of them that no lock keeps apart from it. */
  readonly rivals: readonly string[];
}

/** Of each site that changes something, over all scenarios; a fence or a load has none. */
export function usesOfSites(results: readonly CheckResult[]): Map<string, Uses> {
  const all = new Map<string, Uses>();
  for (const { sites = [] } of results) {
    for (const { step, held, others, rivals } of sites) {
      const before = all.get(step);
      all.set(step, {
        held: before === undefined ? held : before.held.filter((lock) => held.includes(lock)),
        others: union(before?.others, others),
        rivals: union(before?.rivals, rivals),
      });
    }
  }
  return all;
}

function union(a: readonly string[] = [], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])].sort();
}
