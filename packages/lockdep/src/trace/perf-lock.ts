import type { Collector, Found } from '../records.ts';

/** A row of `perf lock contention`: who waited, not who held: heat, never an edge. */
export interface PerfLockRow {
  readonly contended: number;
  /** Nanoseconds. */
  readonly totalNs: number;
  readonly maxNs: number;
  readonly type: string;
  readonly caller: string;
  readonly stack: string[];
}

export interface PerfLockTable {
  readonly by: 'caller' | 'address';
  readonly rows: readonly PerfLockRow[];
}

const TIME = '([\\d.]+) (s|ms|us|ns|m)';
const ROW = new RegExp(`^(\\d+)\\s+${TIME}\\s+${TIME}\\s+${TIME}\\s*(.{0,200})$`);
const UNIT: Readonly<Record<string, number>> = { m: 60e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1 };
const MAX_ROWS = 10_000;

/** `perf lock contention` tables, by caller or by lock address, with or without stacks. */
export class PerfLock implements Collector {
  private readonly rows: PerfLockRow[] = [];
  private readonly by: 'caller' | 'address';
  private misses = 0;
  private readonly first: number;
  private last: number;

  constructor(text: string, n: number) {
    this.by = text.includes('address') ? 'address' : 'caller';
    this.first = n;
    this.last = n;
  }

  static starts(text: string): boolean {
    return /^\s*contended\s+total wait\s+max wait/.test(text);
  }

  line(text: string, n: number): 'taken' | 'skipped' | 'over' {
    const t = text.trim();
    if (t === '' || t === '...' || t.startsWith('contended')) return this.keep(n);
    const row = ROW.exec(t);
    if (row) {
      if (this.rows.length < MAX_ROWS) this.rows.push(this.read(row));
      return this.keep(n);
    }
    const stack = /^0x[0-9a-f]{8,16}\s+(\S+)$/.exec(t);
    const current = this.rows[this.rows.length - 1];
    if (stack && current) {
      if (current.stack.length < 100) current.stack.push(stack[1] ?? '');
      return this.keep(n);
    }
    this.misses++;
    return this.misses > 3 ? 'over' : 'skipped';
  }

  tail(text: string): 'no' | 'always' {
    return /^\s*[A-Za-z_][\w.]*(?:\+0x[0-9a-f]+)?$/.test(text) ? 'always' : 'no';
  }

  finish(): Found | null {
    if (this.rows.length === 0) return null;
    return {
      type: 'perf-lock',
      span: { first: this.first, last: this.last },
      table: { by: this.by, rows: this.rows },
    };
  }

  private read(m: RegExpExecArray): PerfLockRow {
    const rest = (m[8] ?? '').trim().split(/\s+/);
    return {
      contended: Number(m[1]),
      totalNs: Number(m[2]) * (UNIT[m[3] ?? ''] ?? 1),
      maxNs: Number(m[4]) * (UNIT[m[5] ?? ''] ?? 1),
      type: this.by === 'caller' ? (rest[0] ?? '') : (rest[1] ?? ''),
      caller: this.by === 'caller' ? rest.slice(1).join(' ') : (rest[0] ?? ''),
      stack: [],
    };
  }

  private keep(n: number): 'taken' {
    this.last = n;
    this.misses = 0;
    return 'taken';
  }
}
