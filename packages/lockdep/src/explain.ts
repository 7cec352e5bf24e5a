import { StringDecoder } from 'node:string_decoder';
import { isCutAt, joinable } from './input/join.ts';
import type { Line } from './input/line.ts';
import { LineSplitter } from './input/lines.ts';
import { MailReader } from './input/mail.ts';
import { noRepairs, type Repairs } from './input/repairs.ts';
import { stripQuotes, stripStamp } from './input/stamps.ts';
import { mayMatter } from './input/triggers.ts';
import { ProcChains } from './proc/chains.ts';
import { ProcLockStat } from './proc/lock-stat.ts';
import { ProcLockdep } from './proc/lockdep.ts';
import { ProcLockdepStats } from './proc/stats.ts';
import { RaceTables } from './race/table.ts';
import type { Collector, Found } from './records.ts';
import { ReportBuilder } from './reports/builder.ts';
import { startFragment, startReport } from './reports/headlines.ts';
import type { Report } from './reports/report.ts';
import { settleReport } from './reports/settle.ts';
import { LockingDocument } from './rules/document.ts';
import { PerfLock } from './trace/perf-lock.ts';
import { Trace, type TraceOptions } from './trace/summary.ts';

export interface Explained {
  readonly found: readonly Found[];
  readonly lines: number;
  readonly repairs: Repairs;
  /** The text is a kernel log, even when no report stands in it. */
  readonly isLog: boolean;
  /** First non-blank line, when nothing at all was understood. */
  readonly notUnderstood: { readonly line: number; readonly text: string } | null;
  /** True when there were more reports than are kept. */
  readonly cut: boolean;
}

const MAX_FOUND = 2000;
/** Frames and locks of all reports together. */
const MAX_KEPT = 500_000;
/** Speakers with an open report at one time. */
const MAX_OPEN = 64;
/** Longest line that a recogniser gets to see: no pattern searches more than this. */
const MAX_TEXT = 4000;
/** Lines of something else after which an open report is taken as finished. */
const PATIENCE = 400;

interface Open {
  readonly builder: ReportBuilder;
  idle: number;
}

/**
 * Reads any text a kernel or a person about kernels produces, chunk by chunk, in bounded memory: repairs it,
 * then hands each line to the report of its speaker, to an open table, or to whatever it begins.
 */
export class Explainer {
  private readonly repairs = noRepairs();
  private readonly decoder = new StringDecoder('utf8');
  private readonly splitter: LineSplitter;
  private readonly mail: MailReader;
  private readonly found: Found[] = [];
  private readonly open = new Map<string, Open>();
  private collector: Collector | null = null;
  private pending: Line | null = null;
  private lines = 0;
  private stamps = 0;
  private isLog = false;
  private cut = false;
  private kept = 0;
  private lockdepOff = false;
  private lastQuoted = false;
  /** Who spoke last of those with an open report: a line without a mark is theirs. */
  private speaker = '';
  private firstText: { line: number; text: string } | null = null;
  private readonly options: TraceOptions;

  constructor(options: TraceOptions = {}) {
    this.options = options;
    this.mail = new MailReader(this.repairs, (text, n) => this.physical(text, n));
    this.splitter = new LineSplitter((text, n) => {
      this.lines = n;
      this.mail.line(text, n);
    });
  }

  push(chunk: Buffer | string): void {
    this.splitter.push(typeof chunk === 'string' ? chunk : this.decoder.write(chunk));
  }

  end(): Explained {
    this.splitter.push(this.decoder.end());
    this.splitter.end();
    this.mail.end();
    this.flush();
    for (const caller of [...this.open.keys()]) this.close(caller);
    this.closeCollector();
    this.repairs.overlong = this.splitter.overlong;
    this.found.sort((a, b) => a.span.first - b.span.first);
    const understood = this.found.length > 0 || this.isLog;
    return {
      found: this.found,
      lines: this.lines,
      repairs: this.repairs,
      isLog: this.isLog,
      notUnderstood: understood ? null : this.firstText,
      cut: this.cut,
    };
  }

  /** One line as mail left it: strip quotes and stamps, then decide whether it continues the line before. */
  private physical(raw: string, n: number): void {
    if (this.pending === null && this.idle() && !mayMatter(raw)) {
      this.noise(raw, n);
      return;
    }
    const clean = this.clean(detached(raw.length > MAX_TEXT ? raw.slice(0, MAX_TEXT) : raw));
    const quotes = stripQuotes(clean, this.lastQuoted);
    this.lastQuoted = quotes.depth > 0 || (this.lastQuoted && quotes.text.trim() === '');
    if (quotes.depth > 0) this.repairs.quoted++;
    const s = stripStamp(quotes.text);
    if (s.stamped) this.repairs.stamps.add(s.kind);
    if (s.caller !== '' && this.repairs.callers.size < 1000) this.repairs.callers.add(s.caller);
    const line: Line = {
      text: s.text,
      n,
      width: clean.length,
      stamped: s.stamped,
      caller: s.caller,
      depth: quotes.depth,
    };
    this.noise(line.text, n, s.stamped);
    if (this.pending && this.continues(this.pending, line)) {
      this.repairs.joined++;
      this.pending = {
        ...this.pending,
        text: `${this.pending.text.trimEnd()} ${line.text.trim()}`,
        width: line.width,
      };
      return;
    }
    this.flush();
    if (this.idle() && !mayMatter(raw)) return;
    this.pending = line;
  }

  private clean(raw: string): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here
    if (!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(raw)) return raw;
    this.repairs.controls++;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours and stray control characters
    return raw.replace(/\u001b\[[0-9;]{0,20}[A-Za-z]|[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
  }

  /** What a line tells even when nobody claims it: whether this is a kernel log. */
  private noise(text: string, n: number, stamped = false): void {
    if (this.firstText === null && text.trim() !== '') this.firstText = { line: n, text: text.slice(0, 200) };
    if (this.isLog) return;
    if (stamped || (this.stamps < 4 && stripStamp(text).stamped)) this.stamps++;
    if (this.stamps >= 3 || (text.startsWith('Linux version ') && text.length > 20)) this.isLog = true;
  }

  /** Does `next` continue `line`? Tables know their own rows; drawings and other tables are never joined. */
  private continues(line: Line, next: Line): boolean {
    const { collector } = this;
    if (collector === null) return !RaceTables.starts(line.text) && joinable(line, next);
    if (collector instanceof Trace) return joinable(line, next);
    if (next.text.trim() === '' || line.text.trim() === '') return false;
    const tail = collector.tail?.(next.text, line.text) ?? 'no';
    return tail === 'always' || (tail === 'maybe' && isCutAt(line, next));
  }

  private idle(): boolean {
    return this.open.size === 0 && this.collector === null;
  }

  private flush(): void {
    const line = this.pending;
    this.pending = null;
    if (line) this.logical(line);
  }

  private logical(line: Line): void {
    if (/^(?:\S+ kernel: )?Linux version \d/.test(line.text)) this.boot();
    if (line.text.startsWith('INFO: lockdep is turned off')) this.lockdepOff = true;
    const started = startReport(line.text, line.n);
    if (started) {
      this.begin(started, line);
      return;
    }
    const owner = this.open.get(line.caller) ?? this.open.get(line.caller === '' ? this.speaker : '');
    if (owner && this.offer(owner, line)) return;
    if (this.collector && this.collect(line)) return;
    if (!owner && this.begins(line)) return;
    if (owner && owner.idle > 0 && this.startsTable(line)) return;
  }

  /** A new boot: whatever was open is over, and lockdep is on again. */
  private boot(): void {
    for (const caller of [...this.open.keys()]) this.close(caller);
    this.lockdepOff = false;
  }

  private offer(owner: Open, line: Line): boolean {
    if (owner.builder.line(line.text, line.n)) {
      owner.builder.report.foreignLines += owner.idle;
      owner.idle = 0;
      return true;
    }
    owner.idle++;
    if (owner.idle > PATIENCE) this.close(line.caller);
    return false;
  }

  private collect(line: Line): boolean {
    const result = this.collector?.line(line.text, line.n);
    if (result === 'over') {
      this.closeCollector();
      return false;
    }
    return result === 'taken';
  }

  private begin(report: Report, line: Line): void {
    this.close(line.caller);
    this.closeCollector();
    report.afterLockdepOff = this.lockdepOff && needsLockdep(report);
    this.open.set(line.caller, { builder: new ReportBuilder(report), idle: 0 });
    this.speaker = line.caller;
    const [oldest] = this.open.keys();
    if (this.open.size > MAX_OPEN && oldest !== undefined) this.close(oldest);
  }

  private begins(line: Line): boolean {
    const fragment = startFragment(line.text, line.n);
    if (fragment) {
      this.begin(fragment, line);
      this.open.get(line.caller)?.builder.line(line.text, line.n);
      return true;
    }
    return this.collector === null && this.startsTable(line);
  }

  private startsTable(line: Line): boolean {
    if (this.collector) return false;
    const next = this.collectorFor(line);
    if (!next) return false;
    this.collector = next;
    next.line(line.text, line.n);
    return true;
  }

  private collectorFor({ text, n }: Line): Collector | null {
    if (Trace.starts(text)) return new Trace(n, this.options);
    if (ProcLockdep.starts(text)) return new ProcLockdep(n);
    if (ProcChains.starts(text)) return new ProcChains(n);
    if (ProcLockStat.starts(text)) return new ProcLockStat(text, n);
    if (ProcLockdepStats.starts(text)) return new ProcLockdepStats(n);
    if (PerfLock.starts(text)) return new PerfLock(text, n);
    if (RaceTables.starts(text)) return new RaceTables(text, n);
    if (LockingDocument.starts(text)) return new LockingDocument(n);
    return null;
  }

  private close(caller: string): void {
    const open = this.open.get(caller);
    if (!open) return;
    this.open.delete(caller);
    const report = settleReport(open.builder.report);
    if (!report) return;
    if (isLockdepKind(report)) this.lockdepOff = true;
    this.keep({ type: 'report', span: { first: report.first, last: report.last }, report });
  }

  private closeCollector(): void {
    const found = this.collector?.finish();
    this.collector = null;
    if (found) this.keep(found);
  }

  private keep(found: Found): void {
    this.kept += found.type === 'report' ? weightOf(found.report) : 0;
    if (this.found.length < MAX_FOUND && this.kept < MAX_KEPT) this.found.push(found);
    else this.cut = true;
  }
}

/** Explains a whole stream; see Explainer. */
export async function explain(
  input: AsyncIterable<Buffer | string> | Iterable<Buffer | string>,
  options: TraceOptions = {},
): Promise<Explained> {
  const explainer = new Explainer(options);
  for await (const chunk of input) explainer.push(chunk);
  return explainer.end();
}

/** A copy of its own: a slice of a chunk would keep the whole chunk in memory for as long as a record lives. */
function detached(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

function weightOf(r: Report): number {
  const paths = [
    r.stack,
    ...r.paths.map((p) => p.frames),
    ...r.chain.map((l) => l.path),
    ...r.accesses.map((a) => a.frames),
  ];
  return [...paths, ...r.held.map((h) => h.locks)].reduce((sum, list) => sum + list.length, 0);
}

/** Kinds after which lockdep switches itself off. */
function isLockdepKind(r: Report): boolean {
  return ![
    'suspicious-rcu',
    'sleeping-in-atomic',
    'scheduling-in-atomic',
    'hung-task',
    'stall',
    'all-locks-held',
    'kcsan',
    'oops',
  ].includes(r.kind);
}

/** Kinds that cannot be printed while lockdep is off. */
function needsLockdep(r: Report): boolean {
  return isLockdepKind(r) || r.kind === 'suspicious-rcu';
}
