import type { Collector, Found } from '../records.ts';
import { parseEntries, parseLost, parseTraceLine, type TraceEvent } from './line.ts';
import { decodeSpte, type SpteBits, type SpteFormat } from './spte.ts';

/** One value an SPTE of a gfn was seen to have. */
export interface GfnStep {
  readonly time: number;
  readonly cpu: number;
  readonly event: string;
  readonly level: number;
  readonly before: bigint | null;
  readonly after: bigint | null;
  readonly remark: string;
}

export interface TraceSummary {
  readonly kvm: boolean;
  readonly source: 'ftrace' | 'perf script';
  readonly events: number;
  readonly byEvent: ReadonlyMap<string, number>;
  /** Exit reasons, page-fault outcomes, MMIO kinds. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly byGfn: ReadonlyMap<string, number>;
  readonly gfnsCut: boolean;
  readonly format: SpteFormat | null;
  /** The gfn that was followed, in hex without 0x. */
  readonly followed: string | null;
  readonly steps: readonly GfnStep[];
  readonly stepsCut: boolean;
  /** Steps where the old value is not the last new one seen. */
  readonly gaps: number;
  readonly lost: number;
  /** Events that the ring buffer overwrote before the trace was read. */
  readonly overwritten: number;
  /** Contended locks by address, with begins (perf lock events). */
  readonly contended: ReadonlyMap<string, number>;
}

export interface TraceOptions {
  /** Follow this gfn (hex without 0x) instead of the busiest one. */
  readonly gfn?: string;
  /** Sees every event in the order of the text, with the number of its line. */
  readonly onEvent?: (event: TraceEvent, line: number) => void;
}

const MAX_KEYS = 50_000;
const MAX_STEPS = 64;
const MAX_FOLLOWED = 1000;

/** ftrace, trace-cmd report and perf script text: counts, and the SPTE values of one gfn. */
export class Trace implements Collector {
  private readonly byEvent = new Map<string, number>();
  private readonly outcomes = new Map<string, number>();
  private readonly byGfn = new Map<string, number>();
  private readonly contended = new Map<string, number>();
  private readonly steps = new Map<string, GfnStep[]>();
  private events = 0;
  private kvm = false;
  private source: 'ftrace' | 'perf script' = 'ftrace';
  private eptHints = 0;
  private nptHints = 0;
  private lost = 0;
  private overwritten = 0;
  private cut = false;
  private misses = 0;
  private readonly first: number;
  private last: number;
  private readonly want: string | null;
  private readonly onEvent: TraceOptions['onEvent'];

  constructor(n: number, options: TraceOptions = {}) {
    this.first = n;
    this.last = n;
    this.onEvent = options.onEvent;
    this.want = options.gfn ? options.gfn.toLowerCase().replace(/^0x/, '') : null;
  }

  static starts(text: string): boolean {
    return (
      text.startsWith('# tracer:') ||
      /\[LOST \d+ EVENTS\]|PERF_RECORD_LOST/.test(text) ||
      parseTraceLine(text) !== null
    );
  }

  line(text: string, n: number): 'taken' | 'skipped' | 'over' {
    const lost = parseLost(text);
    if (lost !== null) {
      this.lost += lost;
      return this.keep(n);
    }
    const event = parseTraceLine(text);
    if (event) {
      this.event(event);
      this.onEvent?.(event, n);
      return this.keep(n);
    }
    if (text.startsWith('#')) {
      const entries = parseEntries(text);
      if (entries) this.overwritten = Math.max(0, entries.written - entries.kept);
      return this.keep(n);
    }
    if (text.trim() === '' || /^\s*=> /.test(text) || /^\s+(?:0x)?[0-9a-f]{4,16} \S/.test(text))
      return this.keep(n);
    return ++this.misses > 20 ? 'over' : 'skipped';
  }

  finish(): Found | null {
    if (this.events === 0) return null;
    const format = this.eptHints === this.nptHints ? null : this.eptHints > this.nptHints ? 'ept' : 'npt';
    const followed = this.want ?? busiest(this.steps) ?? null;
    const steps = (followed ? this.steps.get(followed) : undefined) ?? [];
    return {
      type: 'trace',
      span: { first: this.first, last: this.last },
      trace: {
        kvm: this.kvm,
        source: this.source,
        events: this.events,
        byEvent: this.byEvent,
        outcomes: this.outcomes,
        byGfn: this.byGfn,
        gfnsCut: this.cut,
        format,
        followed,
        steps,
        stepsCut: steps.length >= MAX_STEPS,
        gaps: countGaps(steps),
        lost: this.lost,
        overwritten: this.overwritten,
        contended: this.contended,
      },
    };
  }

  private event(e: TraceEvent): void {
    if (e.name === '<stack trace>') return;
    this.events++;
    this.source = e.source;
    this.kvm ||= /^kvm_|_mmio_|fast_page_fault|^vcpu/.test(e.name);
    this.bump(this.byEvent, e.name);
    this.outcome(e);
    const gfn = gfnOf(e);
    if (gfn !== null) {
      this.bump(this.byGfn, gfn);
      const step = stepOf(e);
      if (step) this.follow(gfn, step);
    }
  }

  private follow(gfn: string, step: GfnStep): void {
    let list = this.steps.get(gfn);
    if (!list) {
      if (this.steps.size >= MAX_FOLLOWED && gfn !== this.want) return;
      list = [];
      this.steps.set(gfn, list);
    }
    if (list.length < MAX_STEPS) list.push(step);
  }

  private outcome(e: TraceEvent): void {
    if (e.name === 'kvm_exit') {
      const reason = /reason (\S+)/.exec(e.args)?.[1] ?? '?';
      this.bump(this.outcomes, `exit ${reason}`);
      if (/^EPT_/i.test(reason)) this.eptHints++;
      if (/^npf$/i.test(reason)) this.nptHints++;
    } else if (e.name === 'fast_page_fault') {
      const m = /spurious (\d) fixed (\d)/.exec(e.args);
      this.bump(
        this.outcomes,
        `fast_page_fault ${m?.[2] === '1' ? 'fixed' : m?.[1] === '1' ? 'spurious' : 'not fixed'}`,
      );
    } else if (e.name === 'check_mmio_spte') {
      this.bump(this.outcomes, /valid 1/.test(e.args) ? 'MMIO entry current' : 'MMIO entry stale');
    } else if (e.name === 'kvm_userspace_exit') {
      this.bump(this.outcomes, `user-space exit ${/reason (\S+)/.exec(e.args)?.[1] ?? '?'}`);
    } else if (e.name === 'contention_begin') {
      this.bump(this.contended, e.args.replace(/ \(.*$/, ''));
    }
    this.hint(e);
  }

  /** EPT keeps host- and MMU-writable in bits 57 and 58, where the x86 format has nothing. */
  private hint(e: TraceEvent): void {
    const m = /(?:new_spte |spte |old 0x|old )([0-9a-f]{4,16})\b/.exec(e.args);
    if (
      !m ||
      ((e.name === 'kvm_mmu_set_spte') === false &&
        e.name !== 'kvm_tdp_mmu_spte_changed' &&
        e.name !== 'fast_page_fault')
    )
      return;
    const v = BigInt(`0x${m[1]}`);
    if (((v >> 11n) & 1n) === 0n) return;
    const table = / level [2-5]/.test(e.args) && ((v >> 7n) & 1n) === 0n;
    if (table ? ((v >> 8n) & 1n) !== 0n : ((v >> 57n) & 3n) !== 0n) this.eptHints++;
    else if (table ? ((v >> 5n) & 1n) !== 0n : ((v >> 9n) & 3n) === 3n) this.nptHints++;
  }

  private bump(map: Map<string, number>, key: string): void {
    const n = map.get(key);
    if (n !== undefined) map.set(key, n + 1);
    else if (map.size < MAX_KEYS) map.set(key, 1);
    else this.cut = true;
  }

  private keep(n: number): 'taken' {
    this.last = n;
    this.misses = 0;
    return 'taken';
  }
}

/** Which guest frame an event is about, in hex; null when it names none. */
export function gfnOf(e: TraceEvent): string | null {
  const gfn = /\bgfn (?:0x)?([0-9a-f]{1,13})\b/.exec(e.args);
  if (gfn) return trim(gfn[1] ?? '');
  const gpa = /\b(?:address|gpa|gva) (?:0x)?([0-9a-f]{1,16})\b/.exec(e.args);
  if (gpa && (e.name === 'kvm_page_fault' || e.name === 'kvm_mmio' || e.name === 'fast_page_fault')) {
    return (BigInt(`0x${gpa[1]}`) >> 12n).toString(16);
  }
  return null;
}

/** The values an event shows, for the format it turns out to be. */
export function decodeStep(
  step: GfnStep,
  format: SpteFormat,
): { before: SpteBits | null; after: SpteBits | null } {
  const decode = (v: bigint | null) => (v === null ? null : decodeSpte(v, format, step.level));
  return { before: decode(step.before), after: decode(step.after) };
}

function stepOf(e: TraceEvent): GfnStep | null {
  const hex = (pattern: RegExp): bigint | null => {
    const m = pattern.exec(e.args);
    return m ? BigInt(`0x${m[1]}`) : null;
  };
  const level = Number(/\blevel (\d)/.exec(e.args)?.[1] ?? 1);
  const make = (before: bigint | null, after: bigint | null, remark: string): GfnStep => ({
    time: e.time,
    cpu: e.cpu,
    event: e.name,
    level,
    before,
    after,
    remark,
  });
  switch (e.name) {
    case 'kvm_tdp_mmu_spte_changed':
      return make(hex(/old_spte (?:0x)?([0-9a-f]{1,16})\b/), hex(/new_spte (?:0x)?([0-9a-f]{1,16})\b/), '');
    case 'kvm_mmu_set_spte':
      return make(null, hex(/spte (?:0x)?([0-9a-f]{1,16})\b/), 'set');
    case 'fast_page_fault':
      return make(
        hex(/old (?:0x)?([0-9a-f]{1,16})\b/),
        hex(/new (?:0x)?([0-9a-f]{1,16})\b/),
        /spurious 1/.test(e.args) ? 'spurious' : /fixed 1/.test(e.args) ? 'fixed' : 'not fixed',
      );
    case 'mark_mmio_spte':
      return make(null, null, `marked MMIO, generation ${/gen (\w+)/.exec(e.args)?.[1] ?? '?'}`);
    case 'kvm_page_fault':
      return make(null, null, `page fault, error code ${/error_code (\S+)/.exec(e.args)?.[1] ?? '?'}`);
    case 'kvm_mmu_spte_requested':
      return make(null, null, `mapping of pfn ${/pfn (\S+)/.exec(e.args)?.[1] ?? '?'} requested`);
    default:
      return null;
  }
}

/** Level-1 steps whose old value is not what the step before left: lost events, or another writer. */
function countGaps(steps: readonly GfnStep[]): number {
  const now = new Map<number, bigint>();
  let gaps = 0;
  for (const s of steps) {
    const known = now.get(s.level);
    if (
      s.before !== null &&
      known !== undefined &&
      s.event === 'kvm_tdp_mmu_spte_changed' &&
      known !== s.before
    )
      gaps++;
    if (s.after !== null && (s.event !== 'fast_page_fault' || s.remark === 'fixed'))
      now.set(s.level, s.after);
  }
  return gaps;
}

function busiest(steps: ReadonlyMap<string, GfnStep[]>): string | null {
  let best: string | null = null;
  let most = 0;
  for (const [gfn, list] of steps) {
    const shown = list.filter((s) => s.after !== null).length;
    if (shown > most) {
      most = shown;
      best = gfn;
    }
  }
  return best;
}

function trim(hexText: string): string {
  return hexText.replace(/^0+(?=.)/, '').toLowerCase();
}
