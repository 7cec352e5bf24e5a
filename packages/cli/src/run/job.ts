/** What is asked of a worker and what comes back: plain data, so that it does not matter which worker did it. */
import type { LockUse, ModelName, Survey, TokenContents } from '@faultline/explore';
import type { Recording } from '../report/recording.ts';

export interface Bounds {
  readonly maxSteps?: number;
  readonly maxExecutions?: number;
  /** Milliseconds. */
  readonly time?: number;
}

export type Mode = 'naive' | 'sleep' | 'source' | 'optimal';
export const MODES: readonly Mode[] = ['naive', 'sleep', 'source', 'optimal'];

/** Explore one scenario. */
export interface CheckJob {
  readonly kind: 'check';
  /** Module that exports the scenario: an absolute path. */
  readonly module: string;
  readonly scenario: string;
  readonly without: readonly string[];
  /** Name of the variant in the module, for tokens; '' for none. */
  readonly variant: string;
  readonly mode: Mode;
  readonly model: ModelName;
  /** Instead of the scenario's rules: whether this model has final states that sequential consistency has not. */
  readonly robust?: boolean;
  readonly bounds: Bounds;
  /** Also explore the form of the code that the scenario is to be compared with. */
  readonly compare?: boolean;
  /**
   * A diagram and a token for each finding, of the simplest execution that shows it; for the fall of one rule only (its
   * text) just the diagram.
   */
  readonly explain: boolean | { readonly diagramOf: string };
  /** Every lock that was asked for, and what was held then. */
  readonly locks?: boolean;
  /** Lines that a diagram should not exceed, where that can be. */
  readonly lines?: number;
  /** The final states themselves, not only how many there are. */
  readonly finals?: boolean;
  /** Say which steps that the build named were come to. */
  readonly reached?: boolean;
  /** Each explained finding with its execution as data, for a page. */
  readonly recording?: boolean;
}

/** Run one execution again. */
export interface ReplayJob {
  readonly kind: 'replay';
  readonly module: string;
  readonly scenario: string;
  readonly contents: TokenContents;
  readonly recording?: boolean;
}

/** Look where the executions of one scenario pass. */
export interface SurveyJob {
  readonly kind: 'survey';
  readonly module: string;
  readonly scenario: string;
  readonly maxExecutions: number;
}

export interface SurveyResult extends Survey {
  readonly kind: 'survey';
}

export type Job = CheckJob | ReplayJob | SurveyJob;

export type Verdict = 'verified' | 'violated' | 'inconclusive';

export interface FoundFinding {
  /** 'always', 'sometimes', 'deadlock', 'data race' ... */
  readonly kind: string;
  /** For an `always` or `sometimes`: its text. */
  readonly name: string;
  /** One sentence, and details below it. */
  readonly says: string;
  /** Executions that showed it. */
  readonly executions: number;
  readonly diagram: string;
  /** Every event of the execution, one line each. */
  readonly trace: string;
  /** '' if the execution is too long for one: then `contents` goes to a file. */
  readonly token: string;
  readonly contents: string;
  /** Context switches of the execution shown. */
  readonly switches: number;
  /** How simple it is: proven to be the simplest, or the best found. */
  readonly effort: string;
  readonly arenaHash: string;
  /** A deadlock of locks: the report that lockdep would print, if it saw grace periods. */
  readonly lockdep?: string;
  /** If the job asked for it. */
  readonly recording?: Recording;
}

/** A race that the scenario declares, and what came of it. */
export interface Race {
  readonly name: string;
  /** Executions in which it happened, and of these the ones in which an `always` fell. */
  readonly happened: number;
  readonly harmful: number;
}

/** The same claim of two forms of the code. */
export interface Comparison {
  readonly other: string;
  readonly otherExecutions: number;
  /** Each `sometimes` of either: executions here and there, null where it is not asked. */
  readonly sometimes: readonly (readonly [name: string, here: number | null, there: number | null])[];
  /** Final states as canonical text: how many both have, and those that only one has. */
  readonly shared: number;
  readonly onlyHere: readonly string[];
  readonly onlyThere: readonly string[];
}

export interface CheckResult {
  readonly kind: 'check';
  readonly scenario: string;
  readonly title: string;
  readonly size: string;
  readonly source: string;
  readonly verdict: Verdict;
  /** Violated on purpose: a sentence of a document that is wrong. */
  readonly expected: boolean;
  readonly model: string;
  readonly mode: Mode;
  readonly without: readonly string[];
  readonly variant: string;
  readonly complete: number;
  readonly deadlocked: number;
  readonly blocked: number;
  readonly truncated: number;
  /** Ended early by a detector's finding. */
  readonly stopped: number;
  readonly maxDepth: number;
  readonly steps: number;
  readonly states: number;
  readonly observations: number;
  readonly ms: number;
  /** Bounds that were hit, in words; empty if none. */
  readonly bounds: readonly string[];
  /** Executions in which each `always` fell, and in which each `sometimes` happened. */
  readonly always: Readonly<Record<string, number>>;
  readonly sometimes: Readonly<Record<string, number>>;
  readonly races: readonly Race[];
  /** A digest of the set of final states: two runs with the same have the same. */
  readonly statesHash: string;
  /** If the job asked for them: as canonical text, sorted. */
  readonly finals?: readonly string[];
  readonly comparison?: Comparison;
  /** If the job asked for it. */
  readonly reached?: readonly string[];
  /** If the job asked for what was come to: of each that changes something, who else changes the same. */
  readonly sites?: readonly SiteRow[];
  readonly findings: readonly FoundFinding[];
  /** If the job asked for them. */
  readonly locks?: readonly LockRow[];
}

/** A step that the build named, and others at the same place: see SiteUse of the explorer. */
export interface SiteRow {
  readonly step: string;
  readonly held: readonly string[];
  readonly others: readonly string[];
  readonly rivals: readonly string[];
}

/** A request for a lock, as data: see LockUse of the explorer. Call paths are names of functions. */
export interface LockRow extends Pick<LockUse, 'lock' | 'asked' | 'held' | 'irqsOff' | 'threads'> {
  readonly paths: readonly (readonly string[])[];
}

export interface ReplayResult {
  readonly kind: 'replay';
  readonly scenario: string;
  /** False: the program is no longer the one that the token was made from. */
  readonly exact: boolean;
  /** Why not: the first step that differs. */
  readonly divergence: string;
  readonly says: string;
  readonly diagram: string;
  readonly trace: string;
  readonly arenaHash: string;
  readonly violated: boolean;
  readonly recording?: Recording;
}

/** How the bound reads that somebody's wish to stop is. */
export const STOPPED = 'stopped on request';

/** The search was cut by a wish to stop: what it did not find proves nothing. */
export function wasStopped({ bounds }: CheckResult): boolean {
  return bounds.some((text) => text.startsWith(STOPPED));
}

/** Executions that were visited: complete ones, those that ended waiting, those that a finding ended. */
export function executionsOf({ complete, deadlocked, stopped }: CheckResult): number {
  return complete + deadlocked + stopped;
}

export type Result = CheckResult | ReplayResult | SurveyResult;

export interface Progress {
  readonly scenario: string;
  readonly executions: number;
  readonly ms: number;
  /** Executions expected in all; 0 while unknown. */
  readonly estimate: number;
}

/** What a worker posts. */
export type Message =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'result'; readonly result: Result }
  /** `usage`: what the user gave is wrong, so the message is all there is to say. */
  | { readonly type: 'failed'; readonly usage: boolean; readonly message: string; readonly stack: string };
