import type { Collector, Found } from '../records.ts';

/** One class of /proc/lock_stat; times in microseconds. */
export interface LockStatRow {
  readonly name: string;
  /** W or R for a reader-writer lock, empty otherwise. */
  readonly mode: string;
  readonly contentions: number;
  readonly waitMax: number;
  readonly waitTotal: number;
  readonly acquisitions: number;
  readonly holdMax: number;
  readonly holdTotal: number;
  readonly callers: { readonly fn: string; readonly count: number }[];
}

export interface LockStat {
  readonly version: string;
  readonly rows: readonly LockStatRow[];
}

const CALLER = /^(.{1,120}?)\s+(\d+)\s+\[<[0-9a-fx]+>\] (\S+)$/;
const MAX_ROWS = 100_000;

/** /proc/lock_stat, versions 0.3 and 0.4: heat, never edges. */
export class ProcLockStat implements Collector {
  private readonly rows: LockStatRow[] = [];
  private readonly version: string;
  private misses = 0;
  private readonly first: number;
  private last: number;

  constructor(text: string, n: number) {
    this.version = /version (\S+)/.exec(text)?.[1] ?? '';
    this.first = n;
    this.last = n;
  }

  static starts(text: string): boolean {
    return text.trimStart().startsWith('lock_stat version');
  }

  line(text: string, n: number): 'taken' | 'skipped' | 'over' {
    const t = text.trim();
    if (t === '' || /^[-.]{5}/.test(t) || t.startsWith('class name') || t.startsWith('lock_stat version')) {
      return this.keep(n);
    }
    const row = parseRow(t);
    if (row) {
      if (this.rows.length < MAX_ROWS) this.rows.push(row);
      return this.keep(n);
    }
    const caller = CALLER.exec(t);
    const current = this.rows[this.rows.length - 1];
    if (caller && current) {
      current.callers.push({ fn: caller[3] ?? '', count: Number(caller[2]) });
      return this.keep(n);
    }
    this.misses++;
    return this.misses > 20 ? 'over' : 'skipped';
  }

  /** The numbers of a row, or the caller of a line: neither can stand alone. */
  tail(text: string): 'no' | 'always' {
    return /^\s*(?:[\d.]+\s+)*[\d.]+\s*$|^\s*[A-Za-z_][\w.]*\+0x\S+$/.test(text) && /\w/.test(text)
      ? 'always'
      : 'no';
  }

  finish(): Found | null {
    return {
      type: 'lock-stat',
      span: { first: this.first, last: this.last },
      stat: { version: this.version, rows: this.rows },
    };
  }

  private keep(n: number): 'taken' {
    this.last = n;
    this.misses = 0;
    return 'taken';
  }
}

/** Twelve numbers (ten before 0.4) after the last `name:`. */
function parseRow(t: string): LockStatRow | null {
  const m = /^(.{1,200}?)(?:-([WR]))?:\s+((?:[\d.]+\s+){9,11}[\d.]+)$/.exec(t);
  if (!m) return null;
  const v = (m[3] ?? '').split(/\s+/).map(Number);
  const wide = v.length === 12;
  const at = (index: number): number => v[index] ?? 0;
  return {
    name: m[1] ?? '',
    mode: m[2] ?? '',
    contentions: at(1),
    waitMax: at(3),
    waitTotal: at(4),
    acquisitions: at(wide ? 7 : 6),
    holdMax: at(wide ? 9 : 8),
    holdTotal: at(wide ? 10 : 9),
    callers: [],
  };
}
