import { findCycles } from '../graph/cycles.ts';
import { type Edge, LockGraph, type WantMode } from '../graph/graph.ts';
import { LockObserver } from '../graph/observer.ts';
import type { Collector, Found } from '../records.ts';

/** A hand-drawn diagram: one column a CPU, time running down. */
export interface RaceTable {
  readonly columns: readonly string[];
  readonly rows: readonly RaceRow[];
  /** Why the columns may not be the drawing's; empty when nothing speaks against them. */
  readonly doubt: string;
}

export interface RaceRow {
  readonly column: number;
  readonly text: string;
  /** Rows with the same number stand on one line of the drawing. */
  readonly line: number;
}

const HEAD =
  /^\s*(?:(?:v?CPU|VCPU|[Tt]hread|[Tt]ask) ?#?\w{1,8}:?)(?:\s{2,}(?:(?:v?CPU|VCPU|[Tt]hread|[Tt]ask) ?#?\w{1,8}:?))+\s*$/;
const LISTED = /^\s*(CPU ?\d{1,3}): {0,8}\t? {0,8}(\S.{0,200}[;)].{0,40})$/;
const NAME = /(?:v?CPU|VCPU|[Tt]hread|[Tt]ask) ?#?\w{1,8}/g;
const MAX_ROWS = 400;
/** Operations of a drawing that are followed, and locks a column may hold: far beyond what anyone draws. */
const MAX_OPS = 400;
const MAX_HELD = 48;

/** Reads a two- (or more-) column race table, or a list `CPU 0: a; b; ...`. */
export class RaceTables implements Collector {
  private columns: string[] = [];
  private starts: number[] = [];
  private readonly rows: RaceRow[] = [];
  private blanks = 0;
  private readonly listed: boolean;
  private readonly first: number;
  private last: number;

  constructor(text: string, n: number) {
    this.first = n;
    this.last = n;
    this.listed = !HEAD.test(text);
    if (!this.listed) this.head(text);
  }

  static starts(text: string): boolean {
    return text.length < 300 && (HEAD.test(text) || LISTED.test(text));
  }

  line(text: string, n: number): 'taken' | 'skipped' | 'over' {
    if (n === this.first && !this.listed) return 'taken';
    const t = text.replace(/\t/g, '        ').trimEnd();
    if (t.trim() === '') return ++this.blanks > 3 ? 'over' : 'taken';
    if (this.rows.length >= MAX_ROWS || t.length > 300) return 'over';
    const taken = this.listed ? this.list(t, n) : this.row(t, n);
    if (!taken) return 'over';
    this.blanks = 0;
    this.last = n;
    return 'taken';
  }

  /** An arrow or an operator that points at nothing was cut off from what follows. */
  tail(_: string, before: string): 'no' | 'always' {
    return /(?:->|[=&|,+(])$/.test(before.trimEnd()) ? 'always' : 'no';
  }

  finish(): Found | null {
    if (this.rows.length === 0 || this.columns.length < 2) return null;
    const table = { columns: this.columns, rows: this.rows, doubt: this.listed ? '' : doubtOf(this.rows) };
    return {
      type: 'race-table',
      span: { first: this.first, last: this.last },
      table,
      cycle: deadlockOf(table),
    };
  }

  private head(text: string): void {
    for (const m of text.matchAll(NAME)) {
      this.columns.push(m[0].replace(/:$/, ''));
      this.starts.push(m.index);
    }
    this.starts[0] = 0;
  }

  private list(t: string, n: number): boolean {
    const m = LISTED.exec(t);
    if (!m) return false;
    this.columns.push(m[1] ?? '');
    for (const part of (m[2] ?? '').split(';')) {
      const op = part.trim();
      if (op !== '' && op !== '...')
        this.rows.push({ column: this.columns.length - 1, text: `${op};`, line: n });
    }
    return true;
  }

  /** Cuts a row at the gap nearest to each column's start; prose that runs across a column ends the table. */
  private row(t: string, n: number): boolean {
    if (/^[\s-]+$/.test(t)) return true;
    if (this.blanks > 0 && isProse(t)) return false;
    let rest = t;
    const cells: string[] = [];
    for (let c = this.starts.length - 1; c > 0; c--) {
      const cut = gapNear(rest, this.starts[c] ?? 0);
      if (cut < 0) continue;
      cells[c] = rest.slice(cut).trim();
      rest = rest.slice(0, cut);
    }
    cells[0] = rest.trim();
    cells.forEach((cell, column) => {
      if (cell) this.rows.push({ column, text: cell, line: n });
    });
    return true;
  }
}

/** Rows that stand alone are all in the first column: so looks a table that lost its indentation. */
function doubtOf(rows: readonly RaceRow[]): string {
  const alone = rows.filter((r) => !rows.some((o) => o.line === r.line && o.column !== r.column));
  if (alone.length < 3 || alone.some((r) => r.column > 0)) return '';
  return 'Every row that stands alone is in the first column: if the text lost its indentation, some belong to another.';
}

/** Where the text of the column that begins near `start` begins; -1 when the row has none there. */
function gapNear(text: string, start: number): number {
  if (text.length <= start - 4) return -1;
  for (let d = 0; d <= 6; d++) {
    for (const at of [start + d, start - d]) {
      if (at <= 0 || at >= text.length) continue;
      const before = text.slice(Math.max(0, at - 2), at);
      if (text[at] !== ' ' && (before === '  ' || text.slice(0, at).trim() === '')) return at;
    }
  }
  const later = text.slice(start).search(/\S/);
  const blankBefore = text.slice(Math.max(0, start - 2), start).trim() === '';
  return later >= 0 && blankBefore ? start + later : -1;
}

function isProse(t: string): boolean {
  return /^[A-Z"']/.test(t) && !/ {3}/.test(t) && !/[;=(]/.test(t) && t.split(' ').length > 4;
}

interface Op {
  readonly kind: 'take' | 'drop';
  readonly lock: string;
  readonly want: WantMode;
  readonly name: string;
}

const TAKE: readonly [RegExp, WantMode][] = [
  [
    /^(?:mutex_lock|spin_lock|raw_spin_lock|write_lock|down_write|rt_mutex_lock|lock|cpus_write_lock|rwlock_write|down)/,
    'exclusive',
  ],
  [/^(?:read_lock|down_read|cpus_read_lock|percpu_down_read)/, 'read'],
  [/^(?:srcu_read_lock|rcu_read_lock)/, 'recursive-read'],
  [/^(?:synchronize_srcu|synchronize_rcu)/, 'synchronize'],
  [
    /^(?:cancel_work_sync|cancel_delayed_work_sync|flush_work|flush_workqueue|kthread_stop|wait_for_completion|wait_event)/,
    'wait',
  ],
];

/** Lock operations a cell spells out, in order. */
export function opsOf(text: string): Op[] {
  const found: Op[] = [];
  for (const m of text.matchAll(/\b([a-z_]{2,40})\(([^()]{0,120})\)/g)) {
    const name = m[1] ?? '';
    const lock = (m[2] ?? '').split(',')[0]?.trim() ?? '';
    if (/unlock|^up_|^up$/.test(name)) {
      found.push({ kind: 'drop', lock, want: 'exclusive', name });
      continue;
    }
    const take = TAKE.find(([pattern]) => pattern.test(name));
    if (take) found.push({ kind: 'take', lock: lockName(name, lock, take[1]), want: take[1], name });
  }
  return found;
}

function lockName(op: string, argument: string, want: WantMode): string {
  if (want === 'wait') return argument === '' ? 'work' : argument;
  if (/^cpus_/.test(op)) return 'cpu_hotplug_lock';
  if (/rcu/.test(op) && argument === '') return 'rcu';
  return argument === '' ? op : argument;
}

/**
 * The deadlock a table draws, by the lock operations it spells. A column headed by a worker runs the work that
 * another column waits for. Empty when the orders cannot close a cycle.
 */
export function deadlockOf(table: RaceTable): readonly Edge[] {
  const graph = new LockGraph();
  const observer = new LockObserver(graph);
  let ops = 0;
  const waits = table.rows.some((r) => opsOf(r.text).some((o) => o.want === 'wait' && o.lock === 'work'));
  for (const row of table.rows) {
    const task = String(row.column);
    if (
      waits &&
      /worker_thread|process_one_work|_work_handler|work_func/.test(row.text) &&
      !observer.held(task).includes('work')
    ) {
      observer.acquire({ task, lock: 'work', want: 'exclusive', op: 'runs' });
    }
    for (const op of opsOf(row.text)) {
      if (++ops > MAX_OPS || observer.held(task).length > MAX_HELD) break;
      if (op.kind === 'take') observer.acquire({ task, lock: op.lock, want: op.want, op: op.name });
      else observer.release(task, op.lock);
    }
  }
  const shortest = [...findCycles(graph).cycles].sort((a, b) => a.edges.length - b.edges.length)[0];
  return shortest?.edges ?? [];
}
