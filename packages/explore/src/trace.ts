/** One execution, recorded for readers: every event with its text, place and call path, and what happened in between. */
import { describe, kindNames, siteById, stepById } from '@faultline/machine';
import { arenaHash } from './arena-hash.ts';
import type { Access, Report } from './detect/report.ts';
import type { Frame } from './finding.ts';
import { framesOf } from './frames.ts';
import type { ModelName } from './memory-model.ts';
import type { Schedule } from './schedule.ts';
import { Scripted } from './scripted.ts';
import type { Session } from './session.ts';
import { spellDone, spellFence } from './spell.ts';
import { CellWatch, heldBy, type TraceCell, type TraceLock } from './trace-state.ts';
import { isBuffered } from './tso.ts';

export interface TraceEvent {
  readonly thread: number;
  /** Of a buffered store: 'in' when it goes into its thread's store buffer, 'out' when it is written to memory. */
  readonly buffer: 'in' | 'out' | null;
  /** Of an 'in', the event that writes it to memory; of an 'out', the event that stored it; else -1. */
  readonly partner: number;
  /** 'LOAD', 'MUTEX_LOCK' ... */
  readonly kind: string;
  /** Name of the cell or lock, '' for none. */
  readonly place: string;
  readonly addr: number;
  /** The operation in kernel spelling with its outcome. */
  readonly text: string;
  readonly frames: readonly Frame[];
  /** Label or call-site name of the statement, '' for none. */
  readonly step: string;
  /** Outcome of a choice, else 0. */
  readonly choice: number;
  /** Earlier events of other threads that this one depends on directly. */
  readonly dependsOn: readonly number[];
  /** The cells it accessed, with what stood there: one, or those of an atomic section; none for a lock. */
  readonly cells: readonly TraceCell[];
  /** Locks and read sections that its thread holds afterwards, in the order in which it took them. */
  readonly held: readonly TraceLock[];
}

/** Something that is no event: a fence, a tracepoint, a WARN. */
export interface TraceNote {
  /** Index of the event that it follows, -1 before the first. */
  readonly after: number;
  readonly thread: number;
  readonly kind: 'fence' | 'trace' | 'warn';
  readonly text: string;
}

export interface Trace {
  readonly scenario: string;
  readonly model: ModelName;
  readonly threads: readonly string[];
  readonly events: readonly TraceEvent[];
  readonly notes: readonly TraceNote[];
  readonly schedule: Schedule;
  /** How the execution ended: see `Ending`. */
  readonly ending: number;
  /** What a detector reported, with both sides of a race. */
  readonly report: Report | null;
  readonly warnings: readonly Report[];
  /** Hash of the arena at the end. */
  readonly arenaHash: string;
  /** Claims that fell at the end of a complete execution. */
  readonly fallen: readonly string[];
  /** First step that the schedule asked for and that was not possible, -1 if none. */
  readonly impossible: number;
}

/** Executes a schedule from the start and records it. `goOn`: to the end, where the schedule stops short. */
export function record(session: Session, schedule: Schedule, goOn = false): Trace {
  const { search, names, scenario, run } = session;
  const { detector, events } = search;
  const rows: TraceEvent[] = [];
  const notes: TraceNote[] = [];
  const accesses: Access[] = [];
  const cells = new CellWatch(session);
  let paths: number[] = [];
  const note = (thread: number, kind: TraceNote['kind'], text: string) =>
    notes.push({ after: events.depth - 1, thread, kind, text });
  const script = new Scripted(search, schedule, goOn, {
    before: (_, thread) => {
      paths = run.threads.callPath(thread);
      cells.before(thread);
    },
    after: (d) => {
      rows.push(eventAt(session, d, paths, cells.after()));
    },
  });
  detector.accesses = accesses;
  detector.onTrace = (thread, name, text) => note(thread, 'trace', text === '' ? name : `${name}: ${text}`);
  detector.onFence = (thread, order) => note(thread, 'fence', spellFence(order));
  const ending = search.once(script);
  detector.accesses = detector.onTrace = detector.onFence = null;
  for (const w of detector.warnings)
    notes.push({ after: w.event, thread: w.thread, kind: 'warn', text: w.message });
  return {
    scenario: scenario.name,
    model: run.model.name,
    threads: names,
    events: rows.map((row) => partnered(row, rows)),
    notes,
    schedule: scheduleOf(session),
    ending,
    report: detector.finding,
    warnings: [...detector.warnings],
    arenaHash: arenaHash(),
    fallen: fallenAt(session, ending),
    impossible: script.impossible,
  };
}

/** The schedule of the execution on the stack, up to its finding. */
export function scheduleOf(session: Session): Schedule {
  const { events, flawAt } = session.search;
  const { thread, choice } = events;
  const depth = Math.min(events.depth, flawAt + 1);
  return { threads: [...thread.subarray(0, depth)], choices: [...choice.subarray(0, depth)] };
}

function fallenAt(session: Session, ending: number): string[] {
  if (ending !== 0) return [];
  return session.judge.fallen(
    session.run.threads,
    session.search.detector.warnings.map((w) => w.message),
  );
}

/** A store learns of its flush only when that has happened. */
function partnered(event: TraceEvent, events: readonly TraceEvent[]): TraceEvent {
  if (event.buffer !== 'in') return event;
  const self = events.indexOf(event);
  return {
    ...event,
    partner: events.findIndex(({ buffer, partner }) => buffer === 'out' && partner === self),
  };
}

function eventAt(session: Session, d: number, sites: readonly number[], cells: TraceCell[]): TraceEvent {
  const { events } = session.search;
  const { ops } = events;
  const site = siteById(ops.site[d]);
  const dependsOn: number[] = [];
  for (let k = events.raceFrom[d]; k < events.raceFrom[d + 1]; k++) {
    if (events.race[k] !== d) dependsOn.push(events.race[k]);
  }
  const { buffered, programs } = events;
  const thread = events.thread[d] % programs;
  const flush = events.thread[d] >= programs;
  return {
    thread,
    buffer: buffered === null ? null : flush ? 'out' : isBuffered(ops.kind[d], ops.order[d]) ? 'in' : null,
    partner: flush && buffered !== null ? buffered.partner[d] : -1,
    kind: kindNames[ops.kind[d]],
    place: ops.addr[d] === 0 ? '' : describe(ops.addr[d]).text,
    addr: ops.addr[d],
    text: spellDone(ops, d, events.resultLo[d], events.resultHi[d]),
    frames: framesOf(sites),
    step: stepById(ops.step[d])?.name ?? site.label,
    choice: events.choice[d],
    dependsOn,
    cells,
    held: heldBy(session, thread),
  };
}
