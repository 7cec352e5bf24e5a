/** All schedules with at most a number of preemptions: switches away from a thread that could have gone on. */
import type { Reduction, Search } from './search.ts';

export class Preemptions implements Reduction {
  thread = 0;
  choice = 0;
  /** For each node and thread the outcomes still to be taken. */
  private readonly todo: Int32Array;
  /** Preemptions before each node. */
  private readonly used: Int32Array;
  /** 1: at this node a switch costs nothing. */
  private readonly free: Uint8Array;
  private readonly threads: number;

  constructor(
    private readonly search: Search,
    private readonly bound: number,
  ) {
    this.threads = search.run.threads.all;
    this.todo = new Int32Array((search.options.maxSteps + 2) * this.threads);
    this.used = new Int32Array(search.options.maxSteps + 2);
    this.free = new Uint8Array(search.options.maxSteps + 2);
  }

  /** The last thread of the program that went before node `d`, -1 for none: what a store buffer does is no switch. */
  private before(d: number): number {
    const { thread, programs } = this.search.events;
    let k = d - 1;
    while (k >= 0 && thread[k] >= programs) k--;
    return k < 0 ? -1 : thread[k];
  }

  pick(d: number): boolean {
    const { search, threads, todo, used } = this;
    const { run, events } = search;
    const current = this.before(d);
    const free = current < 0 || !run.enabled(current);
    if (d === 0) used[0] = 0;
    for (let t = 0; t < threads; t++) {
      const affordable = free || t === current || t >= events.programs || used[d] < this.bound;
      todo[d * threads + t] = affordable && run.enabled(t) ? (1 << search.outcomes(t)) - 1 : 0;
    }
    this.free[d] = free ? 1 : 0;
    return this.another(d);
  }

  executed(d: number): void {
    const { threads, todo, used, search } = this;
    const { thread, programs } = search.events;
    todo[d * threads + this.thread] &= ~(1 << this.choice);
    const preempted = this.free[d] === 0 && thread[d] < programs && thread[d] !== this.before(d);
    used[d + 1] = used[d] + (preempted ? 1 : 0);
    search.sleep.clear(d + 1);
  }

  ended(): void {}

  another(d: number): boolean {
    const { threads, todo, search } = this;
    const current = d > 0 ? search.events.thread[d - 1] : 0;
    for (let k = 0; k < threads; k++) {
      const t = k === 0 ? current : k <= current ? k - 1 : k;
      const open = todo[d * threads + t];
      if (open === 0) continue;
      this.thread = t;
      this.choice = 31 - Math.clz32(open & -open);
      return true;
    }
    return false;
  }

  open(d: number): number {
    let n = 1;
    for (let t = 0; t < this.threads; t++) {
      for (let open = this.todo[d * this.threads + t]; open !== 0; open &= open - 1) n++;
    }
    return n;
  }
}
