import type { Collector, Found } from '../records.ts';

/** /proc/lockdep_stats: names and numbers. */
export class ProcLockdepStats implements Collector {
  private readonly values = new Map<string, number>();
  private misses = 0;
  private readonly first: number;
  private last: number;

  constructor(n: number) {
    this.first = n;
    this.last = n;
  }

  static starts(text: string): boolean {
    return /^ ?lock-classes:\s+\d+/.test(text);
  }

  line(text: string, n: number): 'taken' | 'skipped' | 'over' {
    const t = text.trim();
    if (t === '') return 'taken';
    const m = /^([a-z][a-z /()-]{2,60}|debug_locks):\s+(\d+)(?: \[max: \d+\])?$/.exec(t);
    if (!m) return this.misses++ > 5 ? 'over' : 'skipped';
    this.values.set(m[1] ?? '', Number(m[2]));
    this.last = n;
    return 'taken';
  }

  finish(): Found | null {
    return { type: 'lockdep-stats', span: { first: this.first, last: this.last }, values: this.values };
  }
}
