/** One thread's part in one round. */
import { canonical, current } from '@faultline/machine';
import { endChaos, planChaos, spin } from '../platform/chaos.ts';
import { seedChoices } from '../platform/choices.ts';
import { RoundAborted } from '../platform/failures.ts';
import { forgetHeld, refuseLeaks } from '../platform/locks.ts';
import { Random } from '../platform/random.ts';
import { self } from '../platform/self.ts';
import { beginWait } from '../platform/waiting.ts';
import type { Machine } from './machine.ts';
import { Ended, type Mailbox } from './shared.ts';

/** How a thread failed, in its mailbox. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** A result that came with WARNs, in a mailbox. */
export interface Warned {
  readonly warnings: readonly string[];
  readonly result: string;
}

/** Characters of a message or stack that are passed on. */
const LONGEST = 4000;

const random = new Random();
let skew = 0;

/** Readies this worker to run thread `index` in a round; what takes time is done here, before the start. */
export function prepare(index: number, seed: number, round: number): void {
  current.task = index + 1;
  current.cpu = index;
  self.alone = false;
  self.warnings = [];
  forgetHeld();
  beginWait();
  seedChoices(seed, round, index + 1);
  planChaos(seed, round, index + 1);
  random.seed(seed, round, index + 0x200);
  // Threads that always start at the same instant always meet in the same way.
  skew = random.below(2) === 0 ? 0 : random.below(1 << random.below(10));
}

/** Runs it. Never throws: how it ended is in the mailbox. */
export function run(machine: Machine, index: number, mailbox: Mailbox, abort: Int32Array): void {
  spin(skew);
  try {
    const result = (machine.bodies[index] as (state: unknown) => unknown)(machine.state);
    refuseLeaks();
    post(mailbox, result);
  } catch (error) {
    Atomics.store(abort, 0, 1);
    mailbox.write(Ended.FAILED, JSON.stringify(failureOf(error)));
  }
  endChaos();
}

/** The judge and set-up run as task 0, alone. */
export function leaveThread(): void {
  current.task = 0;
  current.cpu = 0;
  self.alone = true;
}

/** True for a failure that only follows from that of another thread. */
export function isFollowUp(failure: Failure): boolean {
  return failure.name === RoundAborted.name;
}

function post(mailbox: Mailbox, result: unknown): void {
  if (self.warnings.length > 0) {
    const warned: Warned = { warnings: self.warnings, result: result === undefined ? '' : canonical(result) };
    mailbox.write(Ended.WITH_WARNINGS, JSON.stringify(warned));
  } else if (result === undefined) mailbox.write(Ended.WITH_NOTHING, '');
  else mailbox.write(Ended.WITH_RESULT, canonical(result));
}

function failureOf(error: unknown): Failure {
  if (error instanceof Error) {
    return {
      name: error.name,
      message: error.message.slice(0, LONGEST),
      stack: (error.stack ?? '').slice(0, LONGEST),
    };
  }
  return { name: 'Error', message: String(error).slice(0, LONGEST), stack: '' };
}
