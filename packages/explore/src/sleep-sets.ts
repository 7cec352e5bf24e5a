/**
 * Sleep sets: for each node of the search, the steps that need not be taken from there, because all executions that begin
 * with them have been visited already. A step sleeps until something conflicts with it.
 */
import type { Events } from './events.ts';
import { conflicts } from './footprint.ts';

/** At most this many outcomes has one choice: they are bits of a mask. */
export const MAX_CHOICES = 30;

export class SleepSets {
  /** For each node and thread the outcomes that sleep (bit 0 for anything but a choice). */
  readonly mask: Int32Array;
  private readonly foot: Int32Array;
  /** For each node the threads that sleep, as bits. */
  readonly asleep: Int32Array;

  constructor(
    private readonly threads: number,
    maxSteps: number,
  ) {
    this.mask = new Int32Array((maxSteps + 2) * threads);
    this.foot = new Int32Array((maxSteps + 2) * threads);
    this.asleep = new Int32Array(maxSteps + 2);
  }

  /** Nothing sleeps at node `d`. */
  clear(d: number): void {
    this.mask.fill(0, d * this.threads, (d + 1) * this.threads);
    this.asleep[d] = 0;
  }

  /** The sleep set of the node after event `d`. */
  propagate(d: number, events: Events): void {
    const { threads, mask, foot, asleep } = this;
    const from = d * threads;
    const to = from + threads;
    let kept = 0;
    const f = events.foot[d];
    for (let bits = asleep[d] & ~(1 << events.thread[d]); bits !== 0; bits &= bits - 1) {
      const q = 31 - Math.clz32(bits & -bits);
      if (conflicts(foot[from + q], f)) continue;
      kept |= 1 << q;
      mask[to + q] = mask[from + q];
      foot[to + q] = foot[from + q];
    }
    // Rows of a node are clean outside of its bits: what slept at its last visit and does no more is cleared.
    for (let bits = asleep[d + 1] & ~kept; bits !== 0; bits &= bits - 1) {
      mask[to + 31 - Math.clz32(bits & -bits)] = 0;
    }
    asleep[d + 1] = kept;
  }

  /** All executions from node `d` that begin with event `d` have been visited. */
  add(d: number, events: Events): void {
    const t = events.thread[d];
    const at = d * this.threads + t;
    this.mask[at] |= 1 << events.choice[d];
    this.foot[at] = events.foot[d];
    this.asleep[d] |= 1 << t;
  }

  /** The first of `outcomes` outcomes of thread `t` that is awake at node `d`, or -1. */
  awake(d: number, t: number, outcomes: number): number {
    const awake = ~this.mask[d * this.threads + t] & ((1 << outcomes) - 1);
    return awake === 0 ? -1 : 31 - Math.clz32(awake & -awake);
  }

  /** Whether thread `t` sleeps at node `d` with this outcome. */
  sleeps(d: number, t: number, choice: number): boolean {
    return ((this.mask[d * this.threads + t] >>> choice) & 1) === 1;
  }

  /** Footprint of the step of thread `t` that sleeps at node `d`. */
  footOf(d: number, t: number): number {
    return this.foot[d * this.threads + t];
  }

  /**
   * Of the threads `asleep` (bits) at node `d`, those whose sleeping step could still come first after this one was taken
   * from there; negative if this one is such a step itself.
   */
  after(d: number, asleep: number, thread: number, choice: number, foot: number): number {
    const row = d * this.threads;
    let left = asleep;
    for (let bits = asleep; bits !== 0; bits &= bits - 1) {
      const q = 31 - Math.clz32(bits & -bits);
      if (q === thread) {
        if (((this.mask[row + q] >>> choice) & 1) === 1) return -1;
        left &= ~(1 << q);
      } else if (conflicts(this.foot[row + q], foot)) left &= ~(1 << q);
    }
    return left;
  }
}
