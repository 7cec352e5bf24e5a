/** Strategies that draw executions at random: no proof, but something for programs that are too large for one. */
import { Kind } from '@faultline/machine';
import type { Reduction, Search } from './search.ts';

/** Numbers that repeat themselves from their seed. */
class Random {
  constructor(private state: number) {}

  below(k: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) % k;
  }
}

abstract class Sampling implements Reduction {
  thread = 0;
  choice = 0;
  protected readonly random: Random;

  constructor(
    protected readonly search: Search,
    seed: number,
  ) {
    this.random = new Random(seed);
  }

  pick(d: number): boolean {
    const t = this.pickThread(d);
    if (t < 0) return false;
    this.thread = t;
    const { ops } = this.search.run.threads;
    this.choice = ops.kind[t] === Kind.CHOOSE ? this.random.below(this.search.outcomes(t)) : 0;
    return true;
  }

  executed(d: number): void {
    this.search.sleep.clear(d + 1);
  }

  ended(): void {}

  another(): boolean {
    return false;
  }

  open(): number {
    return 1;
  }

  protected abstract pickThread(d: number): number;
}

/** Each step by one of the threads that can go on, all alike. */
export class RandomWalk extends Sampling {
  protected pickThread(): number {
    const { run } = this.search;
    let found = -1;
    let seen = 0;
    for (let t = 0; t < run.threads.all; t++) {
      if (run.enabled(t) && this.random.below(++seen) === 0) found = t;
    }
    return found;
  }
}

/**
 * Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte): always the thread of highest priority;
 * at `depth - 1` random steps the one that goes falls below all others. Finds a bug of that depth with known probability.
 */
export class Pct extends Sampling {
  private readonly priority: number[] = [];
  private readonly drops = new Set<number>();
  private lowest = 0;

  constructor(
    search: Search,
    seed: number,
    private readonly depth: number,
  ) {
    super(search, seed);
  }

  protected pickThread(d: number): number {
    if (d === 0) this.draw();
    let t = this.best();
    if (this.drops.has(d) && t >= 0) {
      this.priority[t] = --this.lowest;
      t = this.best();
    }
    return t;
  }

  private draw(): void {
    const n = this.search.run.threads.all;
    this.lowest = 0;
    for (let t = 0; t < n; t++) this.priority[t] = t + 1;
    for (let t = n - 1; t > 0; t--) {
      const u = this.random.below(t + 1);
      [this.priority[t], this.priority[u]] = [this.priority[u], this.priority[t]];
    }
    this.drops.clear();
    const length = Math.max(8, this.search.maxDepth);
    for (let k = 1; k < this.depth; k++) this.drops.add(this.random.below(length));
  }

  private best(): number {
    const { run } = this.search;
    let best = -1;
    for (let t = 0; t < run.threads.all; t++) {
      if (run.enabled(t) && (best < 0 || this.priority[t] > this.priority[best])) best = t;
    }
    return best;
  }
}
