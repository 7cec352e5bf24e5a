/** The worker of thread 0 also leads: it puts the arena back, starts each round, and judges it. */
import { chaotic } from '../platform/chaos.ts';
import { Random } from '../platform/random.ts';
import { planTurns } from '../platform/turns.ts';
import type { Finding, Summary } from '../report.ts';
import { announce, awaitChange, awaitCount, countUp } from './barrier.ts';
import { Judge } from './judge.ts';
import { type Machine, restore } from './machine.ts';
import { Mailbox, type Shared, Word } from './shared.ts';
import { leaveThread, prepare, run } from './thread.ts';

export interface RunPlan {
  readonly seed: number;
  /** Rounds to run; 0: until told to stop. */
  readonly rounds: number;
}

/** Runs rounds until the plan is fulfilled, the host says stop, or something is found. */
export function lead(machine: Machine, shared: Shared, plan: RunPlan): Summary {
  const control = new Int32Array(shared.control);
  const abort = control.subarray(Word.ABORT, Word.ABORT + 1);
  const mailboxes = shared.mailboxes.map((buffer) => new Mailbox(buffer));
  const members = mailboxes.length - 1;
  const turns = new Random();
  const judge = new Judge(machine, mailboxes);
  let findings: Finding[] = [];
  let began = performance.now();
  for (let round = 1; plan.rounds === 0 || round <= plan.rounds; round++) {
    if (Atomics.load(control, Word.STOP) !== 0) break;
    leaveThread();
    restore(machine);
    for (const mailbox of mailboxes) mailbox.begin();
    Atomics.store(control, Word.READY, 0);
    Atomics.store(control, Word.ENDED, 0);
    if (chaotic) {
      turns.seed(plan.seed, round);
      planTurns(turns, mailboxes.length);
    }
    announce(control, Word.ROUND, round);
    prepare(0, plan.seed, round);
    awaitCount(control, Word.READY, members);
    if (round === 1) began = performance.now();
    announce(control, Word.GO, round);
    run(machine, 0, mailboxes[0] as Mailbox, abort);
    awaitCount(control, Word.ENDED, members);
    leaveThread();
    findings = judge.judge(round);
    Atomics.store(control, Word.STATES, judge.distinct);
    Atomics.store(control, Word.JUDGED, round);
    if (findings.length > 0) break;
  }
  announce(control, Word.ROUND, -1);
  return judge.summary(findings, performance.now() - began);
}

/** The worker of any other thread: takes part in each round until the leader ends the run. */
export function follow(machine: Machine, index: number, shared: Shared, plan: RunPlan): void {
  const control = new Int32Array(shared.control);
  const abort = control.subarray(Word.ABORT, Word.ABORT + 1);
  const mailbox = new Mailbox(shared.mailboxes[index] as SharedArrayBuffer);
  let round = 0;
  for (;;) {
    const next = awaitChange(control, Word.ROUND, round);
    if (next === -1) return;
    prepare(index, plan.seed, next);
    countUp(control, Word.READY);
    awaitChange(control, Word.GO, round);
    round = next;
    run(machine, index, mailbox, abort);
    countUp(control, Word.ENDED);
  }
}
