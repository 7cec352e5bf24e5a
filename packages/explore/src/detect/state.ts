/**
 * All that the detectors remember, in one array of integers with an undo log: backtracking restores what was known at a
 * node by undoing what was noted since, so a replayed prefix is not watched again.
 */
export class State {
  data: Int32Array;
  private log = new Int32Array(4096);
  private used = 0;

  constructor(size: number) {
    this.data = new Int32Array(size);
  }

  set(at: number, value: number): void {
    const { data } = this;
    const old = data[at];
    if (old === value) return;
    if (this.used + 2 > this.log.length) this.growLog();
    this.log[this.used++] = at;
    this.log[this.used++] = old;
    data[at] = value;
  }

  /** The present position, for `undoTo`. */
  mark(): number {
    return this.used;
  }

  undoTo(mark: number): void {
    const { data, log } = this;
    while (this.used > mark) {
      this.used -= 2;
      data[log[this.used]] = log[this.used + 1];
    }
  }

  /** Makes room for at least `size` integers. */
  ensure(size: number): void {
    if (size <= this.data.length) return;
    const bigger = new Int32Array(Math.max(size, this.data.length * 2));
    bigger.set(this.data);
    this.data = bigger;
  }

  private growLog(): void {
    const bigger = new Int32Array(this.log.length * 2);
    bigger.set(this.log);
    this.log = bigger;
  }
}
