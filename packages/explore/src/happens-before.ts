/**
 * Happens-before of dependent events, one row of bits for each event: the events that come before it, itself included.
 * Rows are as long as the execution is deep, not as wide as there are threads, and closed under what they contain.
 */
export class HappensBefore {
  /** The last event that must come before each event, -1 if none must. */
  readonly latest: Int32Array;
  /** First word of each row; the row of event `i` has bits for `0 .. i`. */
  readonly from: Int32Array;
  rows: Int32Array = new Int32Array(256);

  constructor(maxEvents: number) {
    this.latest = new Int32Array(maxEvents);
    this.from = new Int32Array(maxEvents + 1);
    for (let i = 0; i < maxEvents; i++) this.from[i + 1] = this.from[i] + (i >>> 5) + 1;
  }

  /** Whether event `i` comes before event `k`, or is it. */
  holds(i: number, k: number): boolean {
    return i <= k && this.orders(i, k);
  }

  /** The same for `i <= k`. */
  orders(i: number, k: number): boolean {
    return ((this.rows[this.from[k] + (i >>> 5)] >>> (i & 31)) & 1) === 1;
  }

  /** Begins the row of event `i`, whose thread had `before` as its last event (-1: none). */
  begin(i: number, before: number): void {
    const to = this.from[i];
    const end = this.from[i + 1];
    if (end > this.rows.length) this.grow(end);
    const { rows } = this;
    let at = to;
    if (before >= 0) {
      const stop = this.from[before + 1];
      for (let w = this.from[before]; w < stop; w++) rows[at++] = rows[w];
    }
    while (at < end) rows[at++] = 0;
    rows[end - 1] |= 1 << (i & 31);
    this.latest[i] = before;
  }

  /** Event `k`, with all before it, comes before event `i`. */
  join(i: number, k: number): void {
    const { rows, from } = this;
    const stop = from[k + 1];
    let at = from[i];
    for (let w = from[k]; w < stop; w++) rows[at++] |= rows[w];
    if (k > this.latest[i]) this.latest[i] = k;
  }

  private grow(words: number): void {
    const bigger = new Int32Array(Math.max(words, this.rows.length * 2));
    bigger.set(this.rows);
    this.rows = bigger;
  }
}
