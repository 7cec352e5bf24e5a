/** What a run on threads reports. Plain data, so that it passes between workers. */

export type FindingKind =
  /** An `always` of the scenario fell. */
  | 'always'
  | 'deadlock'
  | 'WARN'
  | 'BUG'
  | 'bad unlock'
  | 'leaked lock'
  | 'double free'
  /** A bound was hit: the arena is too small. Not a property of the program. */
  | 'arena exhausted'
  /** A thread, set-up or a predicate threw. */
  | 'exception';

export interface Finding {
  readonly kind: FindingKind;
  /** The `always` that fell, or what was reported. */
  readonly text: string;
  /** The thread it happened in; '' for a finding about the whole round. */
  readonly thread: string;
  readonly round: number;
  /** What threads returned, as canonical JSON; '' if they did not. */
  readonly results: string;
  /** Where it was thrown. */
  readonly stack: string;
}

export interface Summary {
  readonly rounds: number;
  /** From the start of the first round to the end of the last. */
  readonly ms: number;
  /** Canonical text of each final state -> in how many rounds. At most MAX_STATES are told apart. */
  readonly states: ReadonlyMap<string, number>;
  /** Rounds that ended in a state beyond MAX_STATES. */
  readonly statesDropped: number;
  /** Each `sometimes` -> in how many rounds. */
  readonly sometimes: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
}

export const MAX_STATES = 200_000;
