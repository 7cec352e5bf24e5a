/** What a detector says at the moment it sees something; `finding.ts` is what the user gets. */
import type { FindingKind } from '../finding.ts';

export interface Report {
  readonly kind: FindingKind;
  readonly message: string;
  readonly thread: number;
  /** Number of the event whose thread was running, -1 before the first. */
  readonly event: number;
  /** Sites of the calls under way, outermost first. */
  readonly sites: readonly number[];
  /** What the thread was doing: 'writes slots->used'. */
  readonly doing: string;
  /** Of an exception. */
  readonly stack?: string;
  /** The other side of a race. */
  readonly other?: { readonly thread: number; readonly doing: string; readonly sites: readonly number[] };
}

/** One plain access, kept only while an execution is recorded for a report. */
export interface Access {
  readonly thread: number;
  readonly event: number;
  readonly addr: number;
  readonly write: boolean;
  readonly sites: readonly number[];
}

/** Thrown through a task to end it where a detector reported. */
export class Stop extends Error {
  constructor() {
    super('stopped by a detector');
    this.name = 'Stop';
  }
}
