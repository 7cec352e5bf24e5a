import type { Collector, Found } from '../records.ts';
import { parseLockingDocument } from './rst.ts';

const MAX_TEXT = 2_000_000;

/** KVM's lock document given to `explain`: read as rules to the end of the text. */
export class LockingDocument implements Collector {
  private lines: string[] = [];
  private size = 0;
  private readonly first: number;
  private last: number;

  constructor(n: number) {
    this.first = n;
    this.last = n;
  }

  static starts(text: string): boolean {
    return text.trim() === 'KVM Lock Overview';
  }

  line(text: string, n: number): 'taken' | 'over' {
    if (this.size > MAX_TEXT) return 'over';
    this.size += text.length + 1;
    this.lines[n - 1] = text;
    this.last = n;
    return 'taken';
  }

  finish(): Found | null {
    const book = parseLockingDocument(Array.from(this.lines, (l) => l ?? '').join('\n'), 'locking.rst');
    if (book.rules.length === 0 && book.entries.length === 0) return null;
    return { type: 'locking-rst', span: { first: this.first, last: this.last }, book };
  }
}
