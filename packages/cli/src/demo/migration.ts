/** What one live migration on threads reports, and how it is told. The scenario is dirty/page-left-behind. */
import pc from 'picocolors';
import { count } from '../run/progress.ts';

/** What the scenario's threads return: see packages/scenarios/src/dirty/live-migration.ts. */
export interface MigrationResults {
  readonly migration: {
    readonly rounds: readonly (readonly [pages: number, micros: number])[];
    readonly last: readonly [pages: number, micros: number];
    readonly differ: readonly number[];
  };
  readonly vcpu0: GuestResult;
  readonly vcpu1: GuestResult;
}

interface GuestResult {
  readonly before: number;
  readonly after: number;
  readonly broken: { readonly page: number; readonly found: number; readonly wrote: number } | null;
}

/** One line for each round of the copy, then what the guest did meanwhile. */
export function migrationText({ migration, vcpu0, vcpu1 }: MigrationResults): string {
  const rows = migration.rounds.map(([pages, micros], i) => row(`round ${i}`, pages, micros));
  const [first] = migration.rounds;
  const total = migration.rounds.reduce((sum, [pages]) => sum + pages, migration.last[0]);
  const micros = migration.rounds.reduce((sum, [, each]) => sum + each, migration.last[1]);
  return [
    ...rows,
    row('stopped', ...migration.last),
    `${count(total)} pages copied for a guest of ${count(first?.[0] ?? 0)}, ${rate(total, micros)}; ` +
      `it stood still for ${millis(migration.last[1])}`,
    `the guest wrote ${count(vcpu0.before + vcpu1.before)} times on the source, ` +
      `${count(vcpu0.after + vcpu1.after)} times on the destination`,
    '',
  ].join('\n');
}

/** 'differs: page 33 ...' lines; empty if everything arrived. */
export function differences(results: MigrationResults): string[] {
  const lines: string[] = [];
  const { differ } = results.migration;
  if (differ.length > 0) {
    const which = differ.map((page) => `page ${page}`).join(', ');
    lines.push(`${which}: the destination does not hold what the source held`);
  }
  for (const [name, { broken }] of [
    ['vcpu0', results.vcpu0],
    ['vcpu1', results.vcpu1],
  ] as const) {
    if (broken === null) continue;
    const { page, found, wrote } = broken;
    lines.push(`page ${page}: ${name} finds its write ${found} there; it had written ${wrote}`);
  }
  return lines;
}

/** What the `watch` of the scenario holds: rounds, pages copied, pages of the last round, programs that each vCPU has run. */
export type Watched = readonly number[];

/** Makes the line that is rewritten while migrations run. Its rate is that since the line before. */
export function progressOf(
  now: () => number = () => performance.now(),
): (run: number, watched: Watched) => string {
  let before = { at: now(), run: 0, copied: 0 };
  return (run, [rounds = 0, copied = 0, last = 0, ...programs]) => {
    const at = now();
    const pages = copied - (run === before.run ? before.copied : 0);
    const perSecond = Math.max(0, Math.round((pages / Math.max(at - before.at, 1)) * 1000));
    before = { at, run, copied };
    const guest = programs.reduce((sum, n) => sum + n, 0);
    return (
      `migration ${count(run + 1)}: round ${rounds}, ${count(copied)} pages copied, ${last} in the last round, ` +
      `${count(perSecond)} pages/s; the guest has run ${count(guest)} programs`
    );
  };
}

function row(name: string, pages: number, micros: number): string {
  return `  ${name.padEnd(9)} ${count(pages).padStart(5)} ${pages === 1 ? 'page ' : 'pages'}  ${pc.dim(millis(micros).padStart(9))}`;
}

function millis(micros: number): string {
  return `${(micros / 1000).toFixed(2)} ms`;
}

function rate(pages: number, micros: number): string {
  return `${count(Math.round((pages / Math.max(micros, 1)) * 1e6))} pages/s`;
}
