/** A sequence of steps that a search plans: thread, outcome of its choice, footprint. Reused, never reallocated. */
export class Sequence {
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

  remove(k: number): void {
    this.thread.copyWithin(k, k + 1, this.length);
    this.choice.copyWithin(k, k + 1, this.length);
    this.foot.copyWithin(k, k + 1, this.length);
    this.length--;
  }
}
