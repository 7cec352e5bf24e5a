/**
 * A scenario: one claim, a small machine, its threads, what must always hold and what must sometimes happen.
 * It is data for every verb: explored, run on threads, mutated, replayed.
 */
import type { Cell } from './cell.ts';
import type { Returned, Task } from './task.ts';

/** A sentence of a seed document that a scenario settles. */
export interface Claim {
  /** The seed file's number and the place: '002, commit message, second paragraph'. */
  readonly seed: string;
  /** The claim in our words. */
  readonly says: string;
  /** What the exploration finds: the claim holds, holds only partly, or is wrong. */
  readonly verdict: 'holds' | 'holds in part' | 'wrong';
  /** For 'wrong' and 'in part': what is so instead. */
  readonly but?: string;
}

/** Written as a method type so that its parameter is compared both ways, and `setup` alone decides what `S` is. */
type Thread<S> = { run(state: S): Task<unknown> }['run'];
type Threads<S> = Record<string, Thread<S>>;

/** What each thread returned; a thread that did not finish has no entry. */
export type Results<T> = {
  readonly [K in keyof T]: T[K] extends (state: never) => infer R ? Returned<R> : never;
};

/** Findings of the detectors, which an `always` may be stated about. */
export type DetectorKind =
  | 'deadlock'
  | 'livelock'
  | 'data race'
  | 'wrong guard'
  | 'use after free'
  | 'leaked lock'
  | 'bad unlock'
  | 'suspicious RCU usage'
  | 'sleeping function called from invalid context'
  | 'WARN'
  | 'BUG';

/** An `always` about a detector: falls when that detector reports. */
export interface Never {
  readonly never: DetectorKind;
}

/** `always: { 'no reader touches a freed memslot array': never('use after free') }` */
export function never(kind: DetectorKind): Never {
  return { never: kind };
}

/** What an execution left behind, for predicates. */
export interface Outcome<T> {
  readonly results: Results<T>;
  /** Texts of the WARNs that fired. */
  readonly warnings: readonly string[];
}

/** One cell of an audit: who enters, what happens meanwhile, and in words why that is safe. */
export interface AuditRow {
  readonly path: string;
  readonly against: string;
  readonly safeBecause: string;
}

export interface ScenarioOptions {
  /** Needs more than the default budget of executions or steps; not part of default runs. */
  readonly deep?: boolean;
  /** Bytes of the explored arena; default 64 KiB. */
  readonly arenaBytes?: number;
  /** 'spec: the claim holds only with this many ...'; printed with the verdict. */
  readonly size?: string;
  /** Violated on purpose: a sentence of a document that is wrong as written. Its `always` is expected to fall. */
  readonly expect?: 'violated';
  /** The same claim of another form of the code: `check` explores that as well and says how the two differ. */
  readonly compareWith?: AnyScenario;
  /** Texts of `sometimes` that are races: `check` says of each whether it happens, and whether it does harm. */
  readonly benign?: readonly string[];
  /** A row of a table that `check` prints below the verdicts: one call path against one other event. */
  readonly audit?: AuditRow;
  /** Cannot run on worker threads, and why (needs an abstract level, a choice that threads cannot make ...). */
  readonly exploredOnly?: string;
  /** Too large to be explored: for stress runs only, and why. */
  readonly threadsOnly?: string;
  /** The kernel is built with PREEMPT_RT: locks that are not raw sleep. */
  readonly preemptRt?: boolean;
  /** Rules of locks that this form of the code, of another kernel, does not know: 'order a > b'. */
  readonly ordersOfOtherKernels?: readonly string[];
  /** Limits a run: steps of one execution, executions. Hitting one is a result. */
  readonly maxSteps?: number;
  readonly maxExecutions?: number;
}

export interface Scenario<S = unknown, T extends Threads<S> = Threads<S>> extends ScenarioOptions {
  /** 'area/bad-thing-that-may-happen' */
  readonly name: string;
  readonly title: string;
  /** Seed file, or kernel commit. */
  readonly source: string;
  readonly claims: readonly Claim[];
  /** Steps that this scenario breaks without. */
  readonly defends: readonly string[];
  readonly setup: () => Task<S>;
  readonly threads: T;
  readonly always: Readonly<Record<string, Never | ((outcome: Outcome<T>, state: S) => boolean)>>;
  readonly sometimes: Readonly<Record<string, (outcome: Outcome<T>, state: S) => boolean>>;
  /** Part of the final state besides what threads returned: plain JSON. */
  readonly final?: (state: S) => unknown;
  /** Words that a host may show while threads run: counters of 32 bits. */
  readonly watch?: (state: S) => readonly Cell<number>[];
}

type Definition<S, T extends Threads<S>> = Omit<Scenario<S, T>, 'name' | 'claims' | 'defends' | 'title'> & {
  readonly title?: string;
  readonly claims?: readonly Claim[];
  readonly defends?: readonly string[];
};

/** Any scenario, for lists of them: every scenario is one, whatever its machine and threads. */
export interface AnyScenario
  extends Omit<Scenario, 'setup' | 'threads' | 'always' | 'sometimes' | 'final' | 'watch'> {
  readonly setup: () => Task<unknown>;
  readonly threads: Readonly<Record<string, (state: never) => Task<unknown>>>;
  readonly always: Readonly<Record<string, Never | ((outcome: never, state: never) => boolean)>>;
  readonly sometimes: Readonly<Record<string, (outcome: never, state: never) => boolean>>;
  readonly final?: (state: never) => unknown;
  readonly watch?: (state: never) => readonly Cell<number>[];
}

/** Declares a scenario. Throws if its name is not `area/kebab-case`. */
export function scenario<S, T extends Threads<S>>(
  name: string,
  definition: Definition<S, T>,
): Scenario<S, T> {
  if (!/^[a-z0-9]+\/[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    throw new Error(
      `scenario name '${name}': expected 'area/bad-thing-that-may-happen', lower case with dashes`,
    );
  }
  return { claims: [], defends: [], title: name, ...definition, name };
}
