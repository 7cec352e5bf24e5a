/** A small generator of pseudo-random numbers (xorshift32), one state a use, so that a seed fixes every draw. */
export class Random {
  private state = 1;

  /** Restarts from up to three numbers; different triples give unrelated sequences. */
  seed(a: number, b = 0, c = 0): void {
    let h = Math.imul(a ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(b + 0x7f4a_7c15, 0xc2b2_ae35);
    h = Math.imul(h ^ (h >>> 15) ^ Math.imul(c + 1, 0x27d4_eb2f), 0x2c1b_3c6d);
    h ^= h >>> 13;
    this.state = h === 0 ? 1 : h;
  }

  /** A number in 0 .. n-1. */
  below(n: number): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return (x >>> 0) % n;
  }
}
