/**
 * Race reversal, which source-DPOR and optimal DPOR share: for two conflicting events, the sequence of steps that leads
 * from before the first to the second one first.
 */
import { DISABLED } from './access.ts';
import { conflicts } from './footprint.ts';
import type { OpTable } from './op-table.ts';
import { anyComesFirst, comesFirst } from './redundant.ts';
import { Ending, type Search } from './search.ts';
import { Sequence } from './sequence.ts';
import { drains } from './tso.ts';

/** Parts of the waiting rule that a test may leave out, to see that it would notice. */
export interface Shortcuts {
  /** Waiting operations still pending at the end of an execution are not reversed. */
  readonly ignorePending?: boolean;
  /** Waiting operations are reversed only against the immediate race, as others are. */
  readonly immediateOnly?: boolean;
}

/** Receives each sequence, planned from node `i`. */
export type Plan = (i: number, steps: Sequence) => void;

export class Reversal {
  private readonly steps: Sequence;
  private readonly first: Int32Array;

  /** `whole`: sequences contain what follows the second event too, where that does not depend on the first. */
  constructor(
    private readonly search: Search,
    private readonly whole: boolean,
    private readonly planned: Plan,
    private readonly shortcuts: Shortcuts,
  ) {
    this.steps = new Sequence(search.options.maxSteps + 2);
    this.first = new Int32Array(search.run.threads.all);
  }

  /** Plans the reversals of all races of the execution that has just ended; events from `fresh` on are new in it. */
  all(ending: number, fresh: number): void {
    const { events } = this.search;
    const { depth, race, raceFrom } = events;
    for (let j = fresh; j < depth; j++) {
      for (let k = raceFrom[j]; k < raceFrom[j + 1]; k++) this.event(race[k], j);
    }
    if (this.whole && fresh > 0) this.again(fresh);
    if (ending !== Ending.COMPLETE && this.shortcuts.ignorePending !== true) this.pending();
  }

  /**
   * Races within the prefix were planned before. They are planned again only if something new follows that does not depend
   * on the first event: otherwise the sequence is the beginning of one that was planned already.
   */
  private again(fresh: number): void {
    const { events } = this.search;
    const { race, raceFrom } = events;
    if (raceFrom[fresh] === 0) return;
    this.findFirst(fresh);
    for (let j = 0; j < fresh; j++) {
      for (let k = raceFrom[j]; k < raceFrom[j + 1]; k++) {
        if (this.isFollowed(race[k])) this.event(race[k], j);
      }
    }
  }

  /** The first new event of each thread, -1 for none. */
  private findFirst(fresh: number): void {
    const { first } = this;
    const { depth, thread } = this.search.events;
    first.fill(-1);
    for (let k = depth - 1; k >= fresh; k--) first[thread[k]] = k;
  }

  /** Whether some new event does not depend on event `i`: if so, the first one of its thread does not. */
  private isFollowed(i: number): boolean {
    const { first } = this;
    const { events } = this.search;
    for (let t = 0; t < first.length; t++)
      if (first[t] >= 0 && !events.happensBefore(i, first[t])) return true;
    return false;
  }

  /** Operations that still wait at the end are events that could have happened elsewhere. */
  private pending(): void {
    const { events, run, access } = this.search;
    const { ops, finished, count } = run.threads;
    for (let t = 0; t < count; t++) {
      if (finished[t] === 1 || run.enabled(t)) continue;
      // It waits for its own store buffer first, which some other execution empties.
      if (events.buffered !== null && finished[count + t] === 0 && drains(ops.kind[t], ops.order[t]))
        continue;
      const foot = access.next(ops, t, t);
      for (let i = events.depth - 1; i >= 0; i--) {
        if (events.thread[i] === t || events.beforeNext(i, t, ops)) continue;
        if (conflicts(events.foot[i], foot)) this.plan(i, events.depth, ops, t, t, 0);
      }
    }
  }

  /** Event `j` before event `i`; for a choice (`i === j`) its other outcomes. */
  private event(i: number, j: number): void {
    const { events } = this.search;
    if (i === j) {
      const outcomes = events.ops.aLo[i];
      for (let c = 0; c < outcomes; c++) if (c !== events.choice[i]) this.otherOutcome(i, c);
      return;
    }
    this.plan(i, this.whole ? events.depth : j, events.ops, j, events.thread[j], events.choice[j]);
  }

  private otherOutcome(i: number, choice: number): void {
    const { events } = this.search;
    this.plan(i, this.whole ? events.depth : i, events.ops, i, events.thread[i], choice);
  }

  /**
   * Plans, from node `i`, the events up to `end` that do not depend on event `i`, and then the step of thread `t` whose
   * operation is in `row` of `ops`. Does not if all that begins this way has been visited, because a step that sleeps at
   * node `i` could come first, nor if the operation would have to wait there.
   */
  private plan(i: number, end: number, ops: OpTable, row: number, t: number, choice: number): void {
    const { steps } = this;
    const { sleep, events, access } = this.search;
    const asleep = this.whole ? sleep.asleep[i] : 0;
    if (((asleep >>> t) & 1) === 1 && comesFirst(i, t, choice, 0, events, sleep)) return;
    const last = access.without(i, ops, row, t);
    if (last === DISABLED) return;
    if (asleep !== 0 && anyComesFirst(i, t, choice, last, events, sleep)) return;
    steps.clear();
    steps.addUnordered(i, end, events);
    steps.add(t, choice, last);
    this.planned(i, steps);
  }
}
