/**
 * Each entry through a trace: what an event replaced has to be what the event before left there, unless the hardware set
 * A or D in between. Events name a guest frame and a level, not a table; a frame has one entry in each table that maps
 * it, so all of them are followed, and an event belongs to the one that has the value it replaced.
 */
import type { SpteFormat } from '@faultline/kvm';
import { mayHardwareTurn } from './edges.ts';
import { classOf } from './format.ts';

/** How an event goes on from what was there. */
export type Step =
  | 'follows'
  /** Its entry was not seen before: the trace begins later than the table. */
  | 'unseen'
  | 'new table'
  | 'hardware'
  /** The owner of a frozen entry gives it back without an event. */
  | 'released'
  /** A fix without mmu_lock that the trace does not record. */
  | 'fast fix'
  | 'not followed'
  /** Two CPUs wrote their events in the other order than they changed the entry: this line was the gap. */
  | { readonly swappedWith: number }
  | { readonly gap: bigint; readonly since: number };

interface Entry {
  value: bigint;
  line: number;
  cpu: number;
  /** The last change did not follow: what it found, and what had been there. */
  gap?: { readonly found: bigint; readonly before: bigint };
}

/** Entries that are followed; of more it is not asked what they were. */
const MAX_ENTRIES = 1_000_000;

export class Sequence {
  private readonly entries = new Map<string, Entry[]>();
  /** Tables seen to be made, by what they cover, and whether one was there before the trace. */
  private readonly tables = new Map<string, { made: number; before: boolean }>();
  private recordsTables = false;
  recordsFast = false;
  private readonly format: SpteFormat;
  count = 0;

  constructor(format: SpteFormat) {
    this.format = format;
  }

  /** A table was made: each of its entries is empty. */
  tableMade(gfn: number, level: number): void {
    this.recordsTables = true;
    const key = tableKey(gfn, level);
    const table = this.tables.get(key);
    if (table !== undefined) table.made++;
    else if (this.tables.size < MAX_ENTRIES) this.tables.set(key, { made: 1, before: false });
  }

  /** One change by someone who holds mmu_lock. */
  changed(
    where: { readonly asId: number; readonly gfn: number; readonly level: number },
    old: bigint,
    next: bigint,
    at: { readonly line: number; readonly cpu: number },
  ): Step {
    const { gfn, level } = where;
    const key = `${level}/${where.asId}/${gfn}`;
    const known = this.entries.get(key);
    if (known === undefined) return this.first(key, gfn, level, old, next, at);
    const now = { value: next, ...at };
    const late = known.find(({ gap, cpu }) => gap?.found === next && gap.before === old && cpu !== at.cpu);
    if (late !== undefined) {
      delete late.gap;
      return { swappedWith: late.line };
    }
    const same = known.findLast((entry) => entry.value === old);
    if (same !== undefined) return put(same, now, 'follows');
    for (const entry of known.toReversed()) {
      const hidden = this.hidden(entry.value, old, level);
      if (hidden !== null && !(hidden === 'released' && this.mayBeNew(gfn, level, known.length)))
        return put(entry, now, hidden);
    }
    if (classOf(this.format, old, level) === 'empty' && this.mayBeNew(gfn, level, known.length)) {
      known.push(now);
      return 'new table';
    }
    const last = known.reduce((a, b) => (a.line > b.line ? a : b));
    const gap = { gap: last.value, since: last.line };
    put(last, { ...now, gap: { found: old, before: last.value } }, 'follows');
    return gap;
  }

  /** A fix without mmu_lock: the event names neither address space nor level. */
  fastFixed(
    gfn: number,
    old: bigint,
    next: bigint,
    at: { readonly line: number; readonly cpu: number },
  ): Step {
    this.recordsFast = true;
    const known = [1, 2, 3].flatMap((level) =>
      [0, 1].flatMap((asId) => this.entries.get(`${level}/${asId}/${base(gfn, level - 1)}`) ?? []),
    );
    const now = { value: next, ...at };
    const same = known.findLast((entry) => entry.value === old);
    if (same !== undefined) return put(same, now, 'follows');
    const turned = known.findLast((entry) => mayHardwareTurn(this.format, entry.value, old));
    if (turned !== undefined) return put(turned, now, 'hardware');
    const last = known.at(-1);
    return last === undefined ? 'unseen' : { gap: last.value, since: last.line };
  }

  private first(
    key: string,
    gfn: number,
    level: number,
    old: bigint,
    next: bigint,
    at: { readonly line: number; readonly cpu: number },
  ): Step {
    if (this.count >= MAX_ENTRIES) return 'not followed';
    this.count++;
    this.entries.set(key, [{ value: next, ...at }]);
    const table = this.tables.get(tableKey(gfn, level));
    if (table === undefined || table.before) {
      this.tables.set(tableKey(gfn, level), { made: table?.made ?? 0, before: true });
      return 'unseen';
    }
    if (classOf(this.format, old, level) === 'empty') return 'follows';
    return { gap: 0n, since: 0 };
  }

  private hidden(value: bigint, old: bigint, level: number): 'hardware' | 'released' | 'fast fix' | null {
    const f = this.format;
    if (classOf(f, value, level) === 'leaf' && mayHardwareTurn(f, value, old)) return 'hardware';
    if (classOf(f, value, level) === 'frozen' && classOf(f, old, level) === 'empty') return 'released';
    if (classOf(f, value, level) !== 'leaf') return null;
    const withoutW = value | 2n;
    const writable = (value & f.mmuWritable) !== 0n && (value & 2n) === 0n;
    return writable && (old === withoutW || mayHardwareTurn(f, withoutW, old)) ? 'fast fix' : null;
  }

  private mayBeNew(gfn: number, level: number, entries: number): boolean {
    if (!this.recordsTables) return true;
    const table = this.tables.get(tableKey(gfn, level));
    return table === undefined || table.made + (table.before ? 1 : 0) > entries;
  }
}

function put<T>(entry: Entry, now: Entry, step: T): T {
  delete entry.gap;
  Object.assign(entry, now);
  return step;
}

/** The table of this level that has the entry of the frame. */
function tableKey(gfn: number, level: number): string {
  return `${level}/${base(gfn, level)}`;
}

/** First frame of what an entry one level above `level` covers. */
function base(gfn: number, level: number): number {
  const pages = 512 ** level;
  return Math.floor(gfn / pages) * pages;
}
