/**
 * A recorded trace held against the model: every change of an SPTE has to be one that a function of the model makes, and
 * each entry's changes have to follow from one another.
 */
import { MmioLayout, mmioGenerationOf, type SpteFormat } from '@faultline/kvm';
import type { TraceEvent } from '@faultline/lockdep';
import { type Difference, isFastFix, judge } from './edges.ts';
import { type SpteEvent, spteEvent } from './event.ts';
import { decideFormat, isWellFormed } from './format.ts';
import { Sequence, type Step } from './sequence.ts';

export interface Misfit {
  readonly line: number;
  readonly event: string;
  readonly reason: string;
}

export interface Conformance {
  /** Formats that fit equally well, the first is used; empty if no value tells. */
  readonly formats: readonly string[];
  readonly formatFrom: string;
  /** Events that change an entry. */
  readonly transitions: number;
  readonly understood: number;
  readonly edges: ReadonlyMap<string, { readonly count: number; readonly by: string }>;
  readonly known: ReadonlyMap<Difference, readonly number[]>;
  readonly misfits: readonly Misfit[];
  readonly misfitCount: number;
  /** Gaps where events are missing from the trace: they say nothing. */
  readonly uncertain: readonly Misfit[];
  /** Events that only show a value, and how many of them fit. */
  readonly shown: number;
  readonly shownFit: number;
  readonly steps: ReadonlyMap<string, number>;
  readonly entries: number;
}

/** What the reader of the trace knows at its end. */
export interface Missing {
  readonly lost: number;
  readonly overwritten: number;
}

/** Changes after which the format is decided, at the latest. */
const TELLING = 2000;
const MAX_MISFITS = 1000;

type Found = [event: TraceEvent, parsed: SpteEvent];

export class Conformer {
  private readonly waiting: Found[] = [];
  private readonly edges = new Map<string, { count: number; by: string }>();
  private readonly known = new Map<Difference, number[]>();
  private readonly steps = new Map<string, number>();
  /** Changes that follow only if the fast path set W unseen. */
  private readonly assumed: [event: TraceEvent, line: number][] = [];
  private misfits: (Misfit & { readonly isGap: boolean })[] = [];
  private readonly faults = new Map<number, { gfn: number; pfn: bigint; level: number }>();
  private readonly firstOfCpu = new Map<number, number>();
  private recordsFaults = false;
  private eptExits = 0;
  private nptExits = 0;
  private format: SpteFormat | null = null;
  private formats: string[] = [];
  private formatFrom = '';
  private sequence: Sequence | null = null;
  private transitions = 0;
  private understood = 0;
  private misfitCount = 0;
  private shown = 0;
  private shownFit = 0;

  /** Takes the next event of the trace. */
  readonly take = (event: TraceEvent, line: number): void => {
    if (!this.firstOfCpu.has(event.cpu)) this.firstOfCpu.set(event.cpu, line);
    if (event.name === 'kvm_exit') {
      if (/reason EPT_/i.test(event.args)) this.eptExits++;
      if (/reason npf\b/i.test(event.args)) this.nptExits++;
    }
    const parsed =
      event.name === 'kvm_entry' ? { line, cpu: event.cpu, kind: 'entry' as const } : spteEvent(event, line);
    if (parsed === null) return;
    if (this.format !== null) {
      this.one(event, parsed);
      return;
    }
    this.waiting.push([event, parsed as SpteEvent]);
    if (this.waiting.length >= TELLING) this.decide();
  };

  end({ lost, overwritten }: Missing): Conformance {
    if (this.format === null) this.decide();
    if (this.sequence?.recordsFast) this.refuseAssumed();
    const allCpus = Math.max(0, ...this.firstOfCpu.values());
    const missing = ({ isGap, line }: { isGap: boolean; line: number }) =>
      isGap && (lost > 0 || (overwritten > 0 && line <= allCpus));
    const uncertain = this.misfits.filter(missing);
    return {
      formats: this.formats,
      formatFrom: this.formatFrom,
      transitions: this.transitions,
      understood: this.understood,
      edges: this.edges,
      known: this.known,
      misfits: this.misfits.filter((m) => !missing(m)),
      misfitCount: this.misfitCount - uncertain.length,
      uncertain,
      shown: this.shown,
      shownFit: this.shownFit,
      steps: this.steps,
      entries: this.sequence?.count ?? 0,
    };
  }

  /** The trace does record what the fast path does: it did nothing there. */
  private refuseAssumed(): void {
    for (const [event, line] of this.assumed)
      this.misfit(event, line, 'another value was there: W was set, and no event says by whom', true);
    this.understood -= this.assumed.length;
    this.steps.delete('fast fix');
    this.misfits.sort((a, b) => a.line - b.line);
  }

  /** From what was seen so far; later events are read in the format chosen here. */
  private decide(): void {
    const values = this.waiting.flatMap(([, e]) => valuesOf(e));
    const { eptExits, nptExits } = this;
    const hint = eptExits === nptExits ? null : eptExits > nptExits ? 'ept' : 'npt';
    const tdpMmu = this.waiting.some(([, { kind }]) => kind === 'changed');
    const { fitting, values: telling, wellFormed } = decideFormat(values, hint, tdpMmu);
    const exits = hint === null ? '' : `${hint === 'ept' ? 'EPT' : 'NPT'} by its exits; `;
    this.formatFrom = `${exits}${wellFormed} of ${telling} values are well formed in it`;
    this.formats = telling === 0 ? [] : fitting.map(({ name }) => name);
    const [best] = fitting;
    if (best === undefined) return;
    this.format = best.format;
    this.sequence = new Sequence(best.format);
    for (const [event, parsed] of this.waiting.splice(0)) this.one(event, parsed);
  }

  private one(event: TraceEvent, e: SpteEvent | { kind: 'entry'; cpu: number; line: number }): void {
    const f = this.format as SpteFormat;
    const sequence = this.sequence as Sequence;
    switch (e.kind) {
      case 'entry':
        this.faults.delete(e.cpu);
        return;
      case 'requested':
        this.recordsFaults = true;
        this.faults.set(e.cpu, e);
        return;
      case 'table':
        sequence.tableMade(e.gfn, e.level);
        return;
      case 'changed':
        this.changed(event, e, f, sequence);
        return;
      case 'fast': {
        const step = sequence.fastFixed(e.gfn, e.old, e.next, e);
        if (!isFastFix(f, e.old, e.next)) this.misfit(event, e.line, 'no fix of the fast path', false);
        else this.edge(event, e.line, 'fix without mmu_lock', 'fast_page_fault', step);
        this.transitions++;
        return;
      }
      case 'set': {
        this.faults.delete(e.cpu);
        const fits = isWellFormed(f, e.spte, e.level) && indexOf(e.at) === indexFor(e.gfn, e.level);
        this.show(event, e.line, fits, 'no leaf that stands where this frame has its entry');
        return;
      }
      case 'check-mmio': {
        const layout = f.layout === 'modern' ? MmioLayout.MODERN : MmioLayout.Y2014;
        const fits =
          f.layout === '5.11' ||
          (mmioGenerationOf(e.spte, layout) === e.generation && e.valid === (e.current === e.generation));
        this.show(event, e.line, fits, 'the generation in the entry is another one');
        return;
      }
      case 'unreadable':
        this.transitions++;
        this.misfit(event, e.line, 'the event cannot be read', false);
    }
  }

  private changed(
    event: TraceEvent,
    e: SpteEvent & { kind: 'changed' },
    f: SpteFormat,
    sequence: Sequence,
  ): void {
    this.transitions++;
    const { gfn, level, old, next } = e;
    const fault = this.faults.get(e.cpu);
    const inFault =
      fault !== undefined &&
      fault.level === level &&
      Math.floor(fault.gfn / 512 ** (level - 1)) === Math.floor(gfn / 512 ** (level - 1)) &&
      frameOf(next) >> BigInt(9 * (level - 1)) === fault.pfn >> BigInt(9 * (level - 1));
    const step = sequence.changed(e, old, next, e);
    const verdict = judge(f, { gfn, level, old, next, ...(this.recordsFaults ? { inFault } : {}) });
    if (verdict.kind === 'none') this.misfit(event, e.line, verdict.reason, false);
    else if (verdict.kind === 'edge') this.edge(event, e.line, verdict.edge.name, verdict.edge.by, step);
    else if (typeof step === 'object' && 'gap' in step) this.gap(event, e.line, step);
    else {
      const lines = this.known.get(verdict.difference) ?? [];
      lines.push(e.line);
      this.known.set(verdict.difference, lines);
    }
  }

  /** The change is one of the model's; it is understood if what it replaced was there. */
  private edge(event: TraceEvent, line: number, name: string, by: string, step: Step): void {
    if (typeof step === 'object' && 'gap' in step) {
      this.gap(event, line, step);
      return;
    }
    const swapped = typeof step === 'object' ? step.swappedWith : 0;
    if (swapped > 0) this.settle(swapped);
    if (step === 'fast fix' && this.assumed.length < MAX_MISFITS) this.assumed.push([event, line]);
    const how = typeof step === 'object' ? 'in the other order' : step;
    this.understood++;
    this.steps.set(how, (this.steps.get(how) ?? 0) + 1);
    const seen = this.edges.get(name);
    if (seen === undefined) this.edges.set(name, { count: 1, by });
    else seen.count++;
  }

  private gap(event: TraceEvent, line: number, { gap, since }: { gap: bigint; since: number }): void {
    const before = since === 0 ? 'its table is new and empty' : `line ${since} left ${hex(gap)}`;
    this.misfit(event, line, `another value was there: ${before}`, true);
  }

  /** The event that it lacked came later. */
  private settle(line: number): void {
    const kept = this.misfits.filter((m) => !(m.isGap && m.line === line));
    if (kept.length === this.misfits.length) return;
    this.misfits = kept;
    this.misfitCount--;
    this.understood++;
  }

  private show(event: TraceEvent, line: number, fits: boolean, reason: string): void {
    this.shown++;
    if (fits) this.shownFit++;
    else this.misfit(event, line, reason, false);
  }

  private misfit(event: TraceEvent, line: number, reason: string, isGap: boolean): void {
    this.misfitCount++;
    if (this.misfits.length < MAX_MISFITS)
      this.misfits.push({ line, event: `${event.name}: ${event.args}`, reason, isGap });
  }
}

function valuesOf(e: SpteEvent): (readonly [bigint, number])[] {
  if (e.kind === 'changed')
    return [
      [e.old, e.level],
      [e.next, e.level],
    ];
  if (e.kind === 'fast')
    return [
      [e.old, 1],
      [e.next, 1],
    ];
  return e.kind === 'set' ? [[e.spte, e.level]] : [];
}

function frameOf(spte: bigint): bigint {
  return (spte & ((1n << 52n) - 1n)) >> 12n;
}

/** Which of the 512 entries of a table an address is. */
function indexOf(at: bigint): number {
  return Number(at & 0xfffn) / 8;
}

function indexFor(gfn: number, level: number): number {
  return Math.floor(gfn / 512 ** (level - 1)) % 512;
}

function hex(value: bigint): string {
  return value.toString(16);
}
