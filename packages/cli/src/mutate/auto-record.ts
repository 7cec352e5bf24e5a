/**
 * Whether a recorded run of `mutate --auto` is of the present code, and says why of everything that nobody missed. What is
 * wrong comes as sentences, each with what to do about it.
 */
import type { AutoRow } from './auto.ts';
import { shortSite } from './auto.ts';
import { reasonFor } from './auto-reasons.ts';
import type { Reason } from './reasons/reason.ts';

const REFRESH =
  'run `npx faultline mutate --auto --refresh packages/scenarios/auto.json --record packages/scenarios/auto.json`';

/** `sites`: those that the present build would name. */
export function recordProblems(
  rows: readonly AutoRow[],
  sites: readonly string[],
  reasons: readonly Reason[],
): string[] {
  const bySite = new Map(rows.map((row) => [row.site, row]));
  return [
    ...otherSites(bySite, sites),
    ...rows.flatMap((row) => unexplained(row)),
    ...reasons.flatMap((reason) => reason.sites.flatMap((site) => stale(reason, site, bySite.get(site)))),
    ...twice(reasons),
  ];
}

function otherSites(rows: ReadonlyMap<string, AutoRow>, sites: readonly string[]): string[] {
  const present = new Set(sites.map(shortSite));
  const added = [...present].filter((site) => !rows.has(site));
  const gone = [...rows.keys()].filter((site) => !present.has(site));
  return [
    ...added.map((site) => `${site}: not in the recorded run; ${REFRESH}`),
    ...gone.map((site) => `${site}: in the recorded run, and no longer in packages/kvm; ${REFRESH}`),
  ];
}

function unexplained({ site, verdict, says, scenarios }: AutoRow): string[] {
  if (verdict === 'noticed' || verdict === 'elsewhere') return [];
  if (verdict === 'not tried' || verdict === 'undecided')
    return [`${site}: ${verdict} (${says}); ${REFRESH}`];
  const now = reasonFor(site).says;
  if (now === '') {
    return [
      `${site}: ${verdict}, ${scenarios} scenarios come here, and no sentence says why; add a scenario that misses it, or a reason in packages/cli/src/mutate/reasons`,
    ];
  }
  return now === says ? [] : [`${site}: the recorded run has another sentence than the reason; ${REFRESH}`];
}

function stale({ kind, shown, says }: Reason, site: string, row: AutoRow | undefined): string[] {
  const where = 'packages/cli/src/mutate/reasons';
  if (row === undefined) return [`${site}: stale reason, there is no such site; delete it from ${where}`];
  if (row.verdict === 'noticed')
    return [`${site}: stale reason (${kind}: ${says}), ${row.says}; delete it from ${where}`];
  if (shown === undefined || row.uses === undefined) return [];
  const { held, others, rivals } = row.uses;
  if (shown === 'alone' && others.length > 0)
    return [`${site}: its reason says that nobody else changes it, and the run has ${others.join(', ')}`];
  if (shown === 'apart' && rivals.length > 0)
    return [`${site}: its reason says that a lock keeps others apart, and none does: ${rivals.join(', ')}`];
  if (shown !== 'alone' && shown !== 'apart' && !held.includes(shown))
    return [
      `${site}: its reason says that it has '${shown}', and the run has ${held.join(', ') || 'no lock'}`,
    ];
  return [];
}

function twice(reasons: readonly Reason[]): string[] {
  const seen = new Set<string>();
  const again: string[] = [];
  for (const site of reasons.flatMap(({ sites }) => sites)) {
    if (seen.has(site)) again.push(`${site}: has two reasons`);
    seen.add(site);
  }
  return again;
}
