/** What an exploration can find. */
import type { DetectorKind } from '@faultline/machine';
import type { HeldLock } from './detect/lock-uses.ts';
import type { Schedule } from './schedule.ts';

export type FindingKind =
  | DetectorKind
  | 'always'
  | 'sometimes'
  | 'double free'
  | 'exception'
  /** Of whoever judges `Exploration.locks`; the explorer itself knows no rules. */
  | 'lock rule'
  | 'nondeterminism';

/** A call under way: where its caller stands. */
export interface Frame {
  /** The function as the kernel names it. */
  readonly fn: string;
  readonly file: string;
  readonly line: number;
  /** The source text of the call or operation. */
  readonly text: string;
}

/** One side of a finding: a thread and what it was doing, outermost call first. */
export interface Side {
  readonly thread: string;
  readonly doing: string;
  readonly path: readonly Frame[];
}

/** An edge of the wait-for graph. */
export interface WaitFor {
  readonly thread: string;
  /** What it waits to do, in kernel spelling: `mutex_lock(&kvm->slots_lock)`. */
  readonly operation: string;
  /** The lock, grace period or value it waits for. */
  readonly resource: string;
  /** Threads that could end the wait if they went on; empty if nobody can. */
  readonly holders: readonly string[];
  /** Class of the lock or SRCU domain that it waits for, '' for a value; and where it stands in the arena. */
  readonly lock: string;
  readonly address: number;
  /** What it holds itself, outermost first. */
  readonly held: readonly HeldAt[];
}

export interface HeldAt extends HeldLock {
  readonly address: number;
}

export interface Finding {
  readonly kind: FindingKind;
  /** The claim of the scenario that falls, '' for a finding of its own. */
  readonly claim: string;
  /** One line: what is wrong, with names in kernel spelling. */
  readonly message: string;
  readonly sides: readonly Side[];
  /** Deadlock and livelock: who waits for what; `cycle` of them form a cycle, in order. */
  readonly waits: readonly WaitFor[];
  readonly cycle: readonly string[];
  /** JavaScript's stack, of an exception that a thread threw. */
  readonly stack?: string;
  /** The execution that shows it; empty for an unreached `sometimes`. */
  readonly schedule: Schedule;
  /** How many executions show it. */
  executions: number;
}
