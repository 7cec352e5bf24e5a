/** The rows of a diagram, and which of them give way when there are too many. */
import type { Finding } from './finding.ts';
import type { Trace, TraceEvent } from './trace.ts';

export interface Row {
  readonly thread: number;
  readonly text: string;
  /** Rows of little weight go first; 9 stays whatever happens. */
  readonly weight: number;
}

const KEEP = 9;

/** All rows of a trace, in order. */
export function rowsOf(trace: Trace, finding: Finding | null): Row[] {
  const rows: Row[] = [];
  const contended = contendedAddresses(trace);
  const passing = passingValues(trace);
  const notesAfter = (at: number) => {
    for (const note of trace.notes) {
      if (note.after !== at) continue;
      const weight = note.kind === 'fence' ? 0 : note.kind === 'warn' ? KEEP : 6;
      rows.push({ thread: note.thread, text: note.text, weight });
    }
  };
  notesAfter(-1);
  const last = lastOfThreads(trace);
  trace.events.forEach((event, i) => {
    const shown = event.buffer === 'in' && event.partner >= 0 ? event.partner : i;
    const weight = weightOf(trace.events[shown], shown, trace, contended, last);
    const passes = passing.has(i) ? (event.kind === 'LOAD' ? 6 : 7) : 0;
    const text = bufferedText(event, i);
    if (text !== '') rows.push({ thread: event.thread, text, weight: Math.max(weight, passes) });
    notesAfter(i);
  });
  for (const row of findingRows(trace, finding)) rows.push(row);
  return rows;
}

/**
 * At most `budget` rows, those of least weight left out; what must stay stays even beyond it. What then repeats the row
 * above it (code that reads the same word several times in a row) says nothing.
 */
export function fitRows(rows: readonly Row[], budget: number): Row[] {
  const kept = lighten(rows, budget);
  return kept.filter(
    (row, i) => i === 0 || row.thread !== kept[i - 1].thread || row.text !== kept[i - 1].text,
  );
}

function lighten(rows: readonly Row[], budget: number): Row[] {
  const kept = [...rows];
  for (let weight = 0; weight < KEEP && kept.length > budget; weight++) {
    for (let i = kept.length - 1; i >= 0 && kept.length > budget; i--) {
      if (kept[i].weight === weight) kept.splice(i, 1);
    }
  }
  return kept;
}

/** A store that is written to memory at once is one row; one that waits in the store buffer is two. */
function bufferedText({ buffer, partner, text }: TraceEvent, i: number): string {
  if (buffer === 'in') return partner === i + 1 ? '' : `${text} /* in its store buffer */`;
  return buffer === 'out' && partner !== i - 1 ? `${text} /* now in memory */` : text;
}

/** What a detector saw is no operation, so it gets a row of its own; a thread that waits for ever shows what for. */
function findingRows(trace: Trace, finding: Finding | null): Row[] {
  if (finding === null) return [];
  if (finding.waits.length > 0) {
    return finding.waits.map((w) => ({
      thread: trace.threads.indexOf(w.thread),
      text: `${w.operation} /* waits */`,
      weight: KEEP,
    }));
  }
  const side = finding.sides[0];
  if (side === undefined || finding.kind === 'WARN') return [];
  return [{ thread: trace.threads.indexOf(side.thread), text: `${side.doing} <==`, weight: KEEP }];
}

function contendedAddresses(trace: Trace): Set<number> {
  const by = new Map<number, number>();
  const contended = new Set<number>();
  for (const event of trace.events) {
    const first = by.get(event.addr);
    if (first === undefined) by.set(event.addr, event.thread);
    else if (first !== event.thread) contended.add(event.addr);
  }
  return contended;
}

/** Reads that first see what another thread wrote, and those writes: by them a race goes from one thread to the other. */
function passingValues(trace: Trace): Set<number> {
  const written = new Map<number, number>();
  const passing = new Set<number>();
  const told = new Set<string>();
  trace.events.forEach(({ kind, addr, thread, buffer }, i) => {
    const from = written.get(addr);
    const news = kind === 'LOAD' && from !== undefined && trace.events[from].thread !== thread;
    if (news && !told.has(`${thread} ${from}`)) {
      told.add(`${thread} ${from}`);
      passing.add(from);
      passing.add(i);
    }
    if (buffer !== 'in' && /^(STORE|XCHG|CMPXCHG|ADD|AND|OR|ANDNOT)$/.test(kind)) written.set(addr, i);
  });
  return passing;
}

function lastOfThreads(trace: Trace): Set<number> {
  const last = new Map<number, number>();
  trace.events.forEach((event, i) => {
    last.set(event.thread, i);
  });
  return new Set(last.values());
}

/** Bookkeeping weighs little, accesses that another thread is ordered against weigh most. */
function weightOf(
  event: TraceEvent,
  i: number,
  trace: Trace,
  contended: ReadonlySet<number>,
  last: ReadonlySet<number>,
): number {
  const others = event.dependsOn.length > 0 || trace.events.some((e) => e.dependsOn.includes(i));
  const lock = /LOCK|QUEUE/.test(event.kind);
  if (lock && !event.kind.startsWith('SRCU')) return others ? 3 : 1;
  if (event.step !== '') return 8;
  if (event.kind.startsWith('SRCU')) return 5;
  if (!contended.has(event.addr)) return event.kind === 'CHOOSE' ? 7 : 2;
  if (!others) return 4;
  return last.has(i) ? 8 : event.kind === 'LOAD' ? 6 : 7;
}
