/** A sequence of steps that a search plans: thread, outcome of its choice, footprint. Reused, never reallocated. */
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
