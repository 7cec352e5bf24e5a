/** A sequence of steps that a search plans: thread, outcome of its choice, footprint. Reused, never reallocated. */
import type { Events } from './events.ts';

export class Sequence {
  /** Steps are at `from` .. `length - 1`: taking one out moves those before it up, and most are taken from the front. */
  from = 0;
  length = 0;
  readonly thread: Int32Array;
  readonly choice: Int32Array;
  readonly foot: Int32Array;

  constructor(capacity: number) {
    this.thread = new Int32Array(capacity);
    this.choice = new Int32Array(capacity);
    this.foot = new Int32Array(capacity);
  }

  add(thread: number, choice: number, foot: number): void {
    const n = this.length++;
    this.thread[n] = thread;
    this.choice[n] = choice;
    this.foot[n] = foot;
  }

  /** Adds the events between `i` and `end` that do not depend on event `i`. */
  addUnordered(i: number, end: number, events: Events): void {
    const { thread, choice, foot } = this;
    const { rows, from } = events.order;
    const word = i >>> 5;
    let n = this.length;
    for (let k = i + 1; k < end; k++) {
      if (((rows[from[k] + word] >>> (i & 31)) & 1) === 1) continue;
      thread[n] = events.thread[k];
      choice[n] = events.choice[k];
      foot[n] = events.foot[k];
      n++;
    }
    this.length = n;
  }

  clear(): void {
    this.from = this.length = 0;
  }

  remove(at: number): void {
    const { thread, choice, foot, from } = this;
    for (let k = at; k > from; k--) {
      thread[k] = thread[k - 1];
      choice[k] = choice[k - 1];
      foot[k] = foot[k - 1];
    }
    this.from = from + 1;
  }
}
