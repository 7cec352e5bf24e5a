/** Collects findings: one for each distinct thing that is wrong, with the first execution that shows it. */
import { explainStuck } from './deadlock.ts';
import type { Report } from './detect/report.ts';
import type { Finding, FindingKind, Side } from './finding.ts';
import { framesOf } from './frames.ts';
import type { Schedule } from './schedule.ts';
import type { Session } from './session.ts';
import { spellPending } from './spell.ts';
import { record, scheduleOf } from './trace.ts';

const NO_SCHEDULE: Schedule = { threads: [], choices: [] };

export class Findings {
  private readonly found = new Map<string, Finding>();

  constructor(private readonly session: Session) {}

  get size(): number {
    return this.found.size;
  }

  /** A detector reported in the execution on the stack. */
  report(report: Report): void {
    const { judge } = this.session;
    for (const claim of judge.reported(report.kind)) {
      this.add(report.kind, claim, report.message, () => ({
        sides: sidesOf(this.session, report),
        ...(report.stack === undefined ? {} : { stack: report.stack }),
      }));
    }
  }

  /** The execution on the stack completed, and a claim fell. */
  fallen(claim: string): void {
    this.add('always', claim, `not always: ${claim}`, () => ({}));
  }

  /** The execution on the stack ended with threads that wait for ever. */
  stuck(): void {
    const { search, names, judge, run } = this.session;
    const stuck = explainStuck(search, names);
    for (const claim of judge.reported(stuck.kind)) {
      this.add(stuck.kind, claim, stuck.message, () => ({
        waits: stuck.waits,
        cycle: stuck.cycle,
        sides: stuck.threads.map((t) => ({
          thread: names[t],
          doing: spellPending(run.threads.ops, t),
          path: framesOf(run.threads.callPath(t)),
        })),
      }));
    }
  }

  /** The program does not repeat itself. */
  nondeterministic(message: string): void {
    this.add('nondeterminism', '', message, () => ({}));
  }

  /** A `sometimes` that no execution showed. */
  unreached(claim: string): void {
    this.add('sometimes', claim, `never happens: ${claim}`, () => ({ schedule: NO_SCHEDULE }));
  }

  /** All findings; the other side of each race is looked up by recording its execution once. */
  list(): Finding[] {
    return [...this.found.values()].map((f) => (needsOtherSide(f) ? this.withOtherSide(f) : f));
  }

  /** All findings as they are, without recording anything. */
  now(): Finding[] {
    return [...this.found.values()];
  }

  private add(kind: FindingKind, claim: string, message: string, rest: () => Partial<Finding>): void {
    const key = `${kind}\n${claim}\n${message}`;
    const known = this.found.get(key);
    if (known !== undefined) {
      known.executions++;
      return;
    }
    const base = {
      kind,
      claim,
      message,
      sides: [],
      waits: [],
      cycle: [],
      schedule: scheduleOf(this.session),
    };
    this.found.set(key, { ...base, ...rest(), executions: 1 });
  }

  private withOtherSide(finding: Finding): Finding {
    const { report } = record(this.session, finding.schedule);
    return report === null ? finding : { ...finding, sides: sidesOf(this.session, report) };
  }
}

function needsOtherSide(finding: Finding): boolean {
  return finding.sides.length === 2 && finding.sides[1].path.length === 0;
}

function sidesOf(session: Session, report: Report): Side[] {
  const side = (thread: number, doing: string, sites: readonly number[]) => ({
    thread: session.names[thread],
    doing,
    path: framesOf(sites),
  });
  const sides = [side(report.thread, report.doing, report.sites)];
  if (report.other !== undefined)
    sides.push(side(report.other.thread, report.other.doing, report.other.sites));
  return sides;
}
