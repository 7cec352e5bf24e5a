import type { Edge, LockGraph } from './graph/graph.ts';
import type { LockChains } from './proc/chains.ts';
import type { LockStat } from './proc/lock-stat.ts';
import type { RaceTable } from './race/table.ts';
import type { Report } from './reports/report.ts';
import type { RuleBook } from './rules/rule.ts';
import type { PerfLockTable } from './trace/perf-lock.ts';
import type { TraceSummary } from './trace/summary.ts';

/** Lines of the input a record stands on, 1-based, both included. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** Everything `explain` can find in a text. */
export type Found =
  | { readonly type: 'report'; readonly span: Span; readonly report: Report }
  | {
      readonly type: 'proc-lockdep';
      readonly span: Span;
      readonly graph: LockGraph;
      readonly lockdepStat: boolean;
    }
  | { readonly type: 'proc-chains'; readonly span: Span; readonly chains: LockChains }
  | { readonly type: 'lock-stat'; readonly span: Span; readonly stat: LockStat }
  | { readonly type: 'lockdep-stats'; readonly span: Span; readonly values: ReadonlyMap<string, number> }
  | { readonly type: 'perf-lock'; readonly span: Span; readonly table: PerfLockTable }
  | { readonly type: 'trace'; readonly span: Span; readonly trace: TraceSummary }
  | {
      readonly type: 'race-table';
      readonly span: Span;
      readonly table: RaceTable;
      readonly cycle: readonly Edge[];
    }
  | { readonly type: 'locking-rst'; readonly span: Span; readonly book: RuleBook };

/**
 * Reads one kind of text, line by line, until it ends.
 * `taken`: the line is part of it; `skipped`: it is not, but more may follow; `over`: it ended before this line.
 */
export interface Collector {
  line(text: string, n: number): 'taken' | 'skipped' | 'over';
  /** Is this line the tail of the one before, cut by a mail program? `maybe`: if its width says so. */
  tail?(text: string, before: string): 'no' | 'maybe' | 'always';
  /** Null when nothing worth a record was read. */
  finish(): Found | null;
}

/** The kind of a record in one word, as the expected table and the JSON output use it. */
export function kindOf(found: Found): string {
  if (found.type === 'report') return found.report.kind;
  if (found.type === 'trace') return found.trace.kvm ? 'kvm-trace' : 'lock-trace';
  return found.type;
}
