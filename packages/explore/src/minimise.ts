/**
 * A counterexample that a reader can follow: as few preemptions as possible (proven, where the budget allows), and among
 * the interleavings of that trace the one with the fewest context switches.
 */
import type { AnyScenario } from '@faultline/machine';
import type { Equivalence } from './access.ts';
import type { Finding } from './finding.ts';
import { Findings } from './findings.ts';
import { fewestSwitches } from './linearise.ts';
import type { ModelName } from './memory-model.ts';
import { Preemptions } from './preemptions.ts';
import { findingsOf } from './replay.ts';
import { contextSwitches, type Schedule } from './schedule.ts';
import { Ending } from './search.ts';
import { closeSession, openSession, type Session } from './session.ts';
import { record, scheduleOf, type Trace } from './trace.ts';

export interface MinimiseOptions {
  readonly stepsOff?: readonly string[];
  readonly model?: ModelName;
  readonly equivalence?: Partial<Equivalence>;
  /** Effort: executions and milliseconds at most. */
  readonly maxExecutions?: number;
  readonly timeMs?: number;
}

export interface Minimised {
  readonly finding: Finding;
  readonly trace: Trace;
  readonly preemptions: number;
  readonly contextSwitches: number;
  /** True if no schedule with fewer preemptions shows it; false: the best that was found. */
  readonly proven: boolean;
  /** 'no violation with at most 1 preemption, this one has 2'. */
  readonly summary: string;
  /** Executions that it took. */
  readonly executions: number;
}

const DEFAULT_EXECUTIONS = 20_000;
const DEFAULT_MS = 3_000;

/** Looks for a simpler execution that shows the same finding. Throws if the finding's schedule does not show it. */
export function minimise(scenario: AnyScenario, finding: Finding, options: MinimiseOptions = {}): Minimised {
  const session = openSession(scenario, {
    stepsOff: options.stepsOff ?? [],
    model: options.model ?? 'sc',
    equivalence: options.equivalence ?? {},
  });
  try {
    return new Minimiser(session, finding, options).run();
  } finally {
    closeSession();
  }
}

class Minimiser {
  private executions = 0;
  private readonly deadline: number;
  private readonly maxExecutions: number;

  constructor(
    private readonly session: Session,
    private readonly finding: Finding,
    options: MinimiseOptions,
  ) {
    this.deadline = performance.now() + (options.timeMs ?? DEFAULT_MS);
    this.maxExecutions = options.maxExecutions ?? DEFAULT_EXECUTIONS;
  }

  run(): Minimised {
    let best = this.straightened(this.finding.schedule);
    if (best === null) throw new Error(`the schedule does not show '${this.finding.message}'`);
    let count = preemptionsOf(this.session, best);
    let within = true;
    for (let bound = 0; bound < count && within; bound++) {
      const found = this.search(bound);
      if (found === undefined) within = false;
      else if (found !== null) {
        best = this.straightened(found) ?? found;
        count = Math.min(bound, preemptionsOf(this.session, best));
        break;
      }
    }
    const trace = record(this.session, best);
    const finding = this.matching(trace) ?? this.finding;
    return {
      finding,
      trace,
      preemptions: count,
      contextSwitches: contextSwitches(best, this.session.names.length),
      proven: within,
      summary: summaryOf(count, within),
      executions: this.executions,
    };
  }

  /** The same trace with the fewest context switches; null if the schedule does not show the finding. */
  private straightened(schedule: Schedule): Schedule | null {
    const { session } = this;
    if (this.matching(record(session, schedule)) === null) return null;
    const straight = fewestSwitches(session.search.events);
    const threads = this.session.names.length;
    if (straight === null || contextSwitches(straight, threads) >= contextSwitches(schedule, threads))
      return schedule;
    return this.matching(record(session, straight)) === null ? schedule : straight;
  }

  /** A schedule with at most `bound` preemptions that shows it, null if there is none, undefined if effort ran out. */
  private search(bound: number): Schedule | null | undefined {
    const { search } = this.session;
    search.use(new Preemptions(search, bound));
    for (let ending = search.next(); ending >= 0; ending = search.next()) {
      this.executions++;
      if (this.shows(ending)) return scheduleOf(this.session);
      if (this.executions >= this.maxExecutions || performance.now() > this.deadline) return undefined;
    }
    return null;
  }

  private shows(ending: number): boolean {
    const { session, finding } = this;
    const { detector } = session.search;
    if (finding.kind === 'always') {
      const warnings = detector.warnings.map((w) => w.message);
      return (
        ending === Ending.COMPLETE &&
        session.judge.fallen(session.run.threads, warnings).includes(finding.claim)
      );
    }
    if (ending !== Ending.DEADLOCKED && ending !== Ending.STOPPED && detector.warnings.length === 0)
      return false;
    const findings = new Findings(session);
    for (const warning of detector.warnings) findings.report(warning);
    if (detector.finding !== null) findings.report(detector.finding);
    if (ending === Ending.DEADLOCKED) findings.stuck();
    return findings.now().some((f) => this.same(f));
  }

  private matching(trace: Trace): Finding | null {
    return findingsOf(this.session, trace).find((f) => this.same(f)) ?? null;
  }

  private same(other: Finding): boolean {
    const { finding } = this;
    if (other.kind !== finding.kind || other.claim !== finding.claim) return false;
    return finding.claim !== '' || other.message === finding.message;
  }
}

/** Times the schedule leaves a thread that could have gone on. */
function preemptionsOf(session: Session, schedule: Schedule): number {
  const { run } = session;
  let count = 0;
  let before = -1;
  run.start();
  for (let i = 0; i < schedule.threads.length; i++) {
    const t = schedule.threads[i];
    if (t < run.threads.count) {
      if (before >= 0 && t !== before && run.enabled(before)) count++;
      before = t;
    }
    if (i + 1 < schedule.threads.length) run.step(t, schedule.choices[i]);
  }
  return count;
}

function summaryOf(count: number, proven: boolean): string {
  const has = count === 1 ? '1 preemption' : `${count} preemptions`;
  if (!proven) return `${has}; the best found within the effort given`;
  if (count === 0) return 'no preemption needed';
  return `no violation with at most ${count - 1} preemption${count === 2 ? '' : 's'}, this one has ${count}`;
}
