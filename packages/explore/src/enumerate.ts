/**
 * Naive enumeration (all interleavings: the oracle of every other mode) and sleep sets. Both take every step that can be
 * taken at every node; sleep sets leave out those that sleep.
 */
import type { Reduction, Search } from './search.ts';

export class Enumerate implements Reduction {
  thread = 0;
  choice = 0;
  /** For each node and thread the outcomes still to be taken. */
  private readonly todo: Int32Array;
  private readonly threads: number;

  constructor(
    private readonly search: Search,
    private readonly withSleep: boolean,
  ) {
    this.threads = search.run.threads.all;
    this.todo = new Int32Array((search.options.maxSteps + 2) * this.threads);
  }

  pick(d: number): boolean {
    const { search, threads } = this;
    for (let t = 0; t < threads; t++) {
      const all = (1 << search.outcomes(t)) - 1;
      this.todo[d * threads + t] = search.run.enabled(t) ? all : 0;
    }
    return this.another(d);
  }

  executed(d: number): void {
    this.todo[d * this.threads + this.thread] &= ~(1 << this.choice);
    if (!this.withSleep) this.search.sleep.clear(d + 1);
  }

  ended(): void {}

  open(d: number): number {
    const { threads, todo, search } = this;
    let n = 1;
    for (let t = 0; t < threads; t++) {
      let awake = todo[d * threads + t] & ~(this.withSleep ? search.sleep.mask[d * threads + t] : 0);
      if (t === search.events.thread[d]) awake &= ~(1 << search.events.choice[d]);
      for (; awake !== 0; awake &= awake - 1) n++;
    }
    return n;
  }

  another(d: number): boolean {
    const { threads, todo, search } = this;
    const current = d > 0 ? search.events.thread[d - 1] : 0;
    for (let k = 0; k < threads; k++) {
      const t = k === 0 ? current : k <= current ? k - 1 : k;
      const asleep = this.withSleep ? search.sleep.mask[d * threads + t] : 0;
      const awake = todo[d * threads + t] & ~asleep;
      if (awake === 0) continue;
      this.thread = t;
      this.choice = 31 - Math.clz32(awake & -awake);
      return true;
    }
    return false;
  }
}
