/** An audit: call paths against other events, each pair with its verdict and what makes it safe. */
import type { AuditRow } from '@faultline/machine';
import { type CheckResult, executionsOf } from '../run/job.ts';
import { count } from '../run/progress.ts';

/** A scenario that is a cell of an audit, and what came of it. */
export interface Audited {
  readonly row: AuditRow;
  readonly result: Pick<
    CheckResult,
    'scenario' | 'verdict' | 'complete' | 'deadlocked' | 'stopped' | 'truncated' | 'blocked'
  >;
}

/** A heading, then each path with one line for each event; '' for less than two cells. */
export function auditTable(cells: readonly Audited[]): string {
  if (cells.length < 2) return '';
  const paths = [...new Set(cells.map(({ row }) => row.path))];
  const events = new Set(cells.map(({ row }) => row.against));
  const lines = ['', `audit: ${paths.length} call paths against ${events.size} events`];
  for (const path of paths) {
    lines.push(`  ${path}`);
    for (const cell of cells) if (cell.row.path === path) lines.push(`    ${cellLine(cell)}`);
  }
  return `${lines.join('\n')}\n`;
}

function cellLine({ row, result }: Audited): string {
  const total = executionsOf(result as CheckResult);
  const runs = `${count(total)} ${total === 1 ? 'execution' : 'executions'}`;
  if (result.verdict === 'verified') return `${row.against}: safe over ${runs}: ${row.safeBecause}`;
  if (result.verdict === 'inconclusive') return `${row.against}: not decided in ${runs}: ${result.scenario}`;
  return `${row.against}: NOT SAFE: ${result.scenario}, diagram above`;
}
