/** Executes a schedule again and says whether it is still the same execution. */
import type { AnyScenario } from '@faultline/machine';
import type { Equivalence } from './access.ts';
import type { LockUse } from './detect/lock-uses.ts';
import type { Finding } from './finding.ts';
import { Findings } from './findings.ts';
import type { ModelName } from './memory-model.ts';
import type { Schedule } from './schedule.ts';
import { Ending } from './search.ts';
import { closeSession, openSession, type Session } from './session.ts';
import { signatureOf } from './signature.ts';
import { record, type Trace } from './trace.ts';

export interface ReplayOptions {
  readonly stepsOff?: readonly string[];
  readonly model?: ModelName;
  readonly equivalence?: Partial<Equivalence>;
  /** What each step was when the schedule was found; a step that differs ends the comparison. */
  readonly expect?: Expected;
  /** Goes on to the end where the schedule stops short. */
  readonly goOn?: boolean;
}

/** What a replay is compared with. */
export interface Expected {
  /** Signature of each step, of `bits` bits; see signature.ts. */
  readonly signatures?: readonly number[];
  readonly bits?: number;
  /** Hash of the arena at the end, or its beginning. */
  readonly arenaHash?: string;
}

/** The first step that is not what it was. */
export interface Divergence {
  /** Step number, from 0; equal to the number of steps if only the end differs. */
  readonly step: number;
  /** What happens there now. */
  readonly now: string;
  readonly message: string;
}

export interface Replay {
  readonly trace: Trace;
  /** What the execution shows: the same kinds of findings as an exploration's. */
  readonly findings: readonly Finding[];
  readonly divergence: Divergence | null;
  /** Every lock that was asked for, or is by a thread that has not ended; see `Exploration.locks`. */
  readonly locks: readonly LockUse[];
}

/** Replays a schedule. A schedule that is no longer possible is a divergence, not an error. */
export function replay(scenario: AnyScenario, schedule: Schedule, options: ReplayOptions = {}): Replay {
  const session = openSession(scenario, {
    stepsOff: options.stepsOff ?? [],
    model: options.model ?? 'sc',
    equivalence: options.equivalence ?? {},
    lockUses: true,
    maxSteps: Math.max(scenario.maxSteps ?? 1000, schedule.threads.length + 1),
  });
  try {
    const trace = record(session, schedule, options.goOn === true);
    const findings = findingsOf(session, trace);
    const { uses } = session.search.detector;
    uses?.pending();
    const divergence = divergenceOf(trace, schedule, options.expect ?? {});
    return { trace, findings, divergence, locks: uses?.all(session.names) ?? [] };
  } finally {
    closeSession();
  }
}

/** What the execution on the stack, just recorded, shows. */
export function findingsOf(session: Session, trace: Trace): Finding[] {
  const findings = new Findings(session);
  for (const warning of trace.warnings) findings.report(warning);
  if (trace.report !== null) findings.report(trace.report);
  for (const claim of trace.fallen) findings.fallen(claim);
  if (trace.ending === Ending.DEADLOCKED) findings.stuck();
  return findings.now();
}

function divergenceOf(trace: Trace, schedule: Schedule, expected: Expected): Divergence | null {
  const { signatures, bits = 4 } = expected;
  for (let step = 0; step < trace.events.length; step++) {
    if (signatures === undefined || step >= signatures.length) break;
    if (signatureOf(trace.events[step], bits) !== signatures[step]) return differs(trace, step);
  }
  if (trace.impossible >= 0) return impossible(trace, schedule);
  if (trace.events.length < schedule.threads.length) return ended(trace);
  const wanted = expected.arenaHash;
  if (wanted === undefined || trace.arenaHash.startsWith(wanted)) return null;
  const now = trace.arenaHash.slice(0, wanted.length);
  const message = `every step is as it was, but memory at the end is not: its hash is ${now}, not ${wanted}`;
  return { step: trace.events.length, now, message };
}

function differs(trace: Trace, step: number): Divergence {
  const event = trace.events[step];
  const now = `${trace.threads[event.thread]}: ${event.text}`;
  return { step, now, message: `step ${step + 1} is now '${now}', which is not what it was` };
}

function impossible(trace: Trace, schedule: Schedule): Divergence {
  const step = trace.impossible;
  const t = schedule.threads[step];
  const owner = trace.threads[t % trace.threads.length];
  const name = t < trace.threads.length ? owner : `the store buffer of ${owner}`;
  return { step, now: '', message: `step ${step + 1} is not possible any more: ${name} cannot go on there` };
}

function ended(trace: Trace): Divergence {
  const step = trace.events.length;
  return { step, now: '', message: `the execution now ends after ${step} steps` };
}
