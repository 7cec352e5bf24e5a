/** What an exploration is asked and what it answers. */
import type { Equivalence } from './access.ts';
import type { LockUse } from './detect/lock-uses.ts';
import type { SiteUse } from './detect/site-uses.ts';
import type { Finding } from './finding.ts';
import type { ModelName } from './memory-model.ts';
import type { Shortcuts } from './reversal.ts';
import type { Reduction } from './search.ts';
import type { Session } from './session.ts';

/** Searches that visit everything; and those that do not, and prove nothing. */
export type Mode = 'optimal' | 'source' | 'sleep' | 'naive';

export type Strategy =
  | { readonly kind: 'exhaustive' }
  /** Each step by a thread at random. */
  | { readonly kind: 'random'; readonly executions: number; readonly seed: number }
  /** Random priorities that change at `depth - 1` random steps. */
  | { readonly kind: 'pct'; readonly executions: number; readonly seed: number; readonly depth: number }
  /** All schedules with at most this many preemptions. */
  | { readonly kind: 'preemptions'; readonly bound: number };

export interface Bounds {
  /** Steps of one execution; longer ones are truncated. */
  readonly maxSteps?: number;
  readonly maxExecutions?: number;
  /** Milliseconds that the exploration may take. */
  readonly timeMs?: number;
}

export interface Progress {
  readonly executions: number;
  readonly perSecond: number;
  readonly ms: number;
  /** Part of the search that is done, 0 to 1, guessed from the branches still open. */
  readonly done: number;
}

export interface ExploreOptions {
  readonly mode?: Mode;
  readonly strategy?: Strategy;
  readonly model?: ModelName;
  readonly bounds?: Bounds;
  /** Named steps to leave out or weaken. */
  readonly stepsOff?: readonly string[];
  /** Ends the search at the first finding. */
  readonly stopAtFirst?: boolean;
  readonly equivalence?: Partial<Equivalence>;
  /** Called a few times a second. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** Note every lock that is asked for, and what is held then; on unless it is false. */
  readonly lockUses?: boolean;
  /** Note who changes the same place as each named operation; off unless it is true. */
  readonly siteUses?: boolean;
  /** For surveys: called once, when set-up is done and nothing has run; may look over the shoulder of the search. */
  readonly watch?: (session: Session, reduction: Reduction) => void;
  /** For tests of the explorer only. */
  readonly shortcuts?: Shortcuts;
}

export interface Counts {
  /** Every thread finished. */
  complete: number;
  /** Ended with threads that wait for ever. */
  deadlocked: number;
  /** Redundant executions cut short; 0 in optimal mode. */
  blocked: number;
  /** Reached the bound on steps. */
  truncated: number;
  /** Ended by a detector's finding. */
  stopped: number;
  /** Visible operations executed, replayed ones included. */
  steps: number;
  maxDepth: number;
  ms: number;
}

export interface ClaimCount {
  /** Executions on which the claim was judged. */
  judged: number;
  /** Of these: an `always` that fell, a `sometimes` that happened. */
  hits: number;
}

export interface SometimesCount extends ClaimCount {
  /** Executions in which it happened and an `always` fell. */
  harmful: number;
}

/** A bound that was hit. */
export interface BoundHit {
  readonly bound: 'maxSteps' | 'maxExecutions' | 'timeMs' | 'aborted';
  readonly limit: number;
  /** Executions concerned. */
  readonly executions: number;
}

export interface Exploration {
  readonly scenario: string;
  readonly mode: Mode;
  readonly strategy: Strategy['kind'];
  readonly model: ModelName;
  readonly stepsOff: readonly string[];
  readonly verdict: 'verified' | 'violated' | 'inconclusive';
  readonly counts: Counts;
  readonly findings: readonly Finding[];
  readonly always: Readonly<Record<string, ClaimCount>>;
  readonly sometimes: Readonly<Record<string, SometimesCount>>;
  /** Final states (results and `final`, as canonical text) and in how many executions each was reached. */
  readonly finals: ReadonlyMap<string, number>;
  /** Distinct results of the threads, whatever else differs. */
  readonly observations: number;
  readonly bounds: readonly BoundHit[];
  /** Every lock that was asked for in any execution, with each way of holding others at that moment. */
  readonly locks: readonly LockUse[];
  /** Empty unless asked for. */
  readonly sites: readonly SiteUse[];
}
