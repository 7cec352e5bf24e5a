/**
 * Source-DPOR (Abdulla, Aronis, Jonsson, Sagonas): each node keeps the steps to take from it; a race adds one of the steps
 * that its reversal may begin with, unless there is one already. Visits some traces in vain (blocked), never twice.
 */
import { conflicts } from './footprint.ts';
import { Reversal, type Shortcuts } from './reversal.ts';
import type { Reduction, Search } from './search.ts';
import type { Sequence } from './sequence.ts';

export class Source implements Reduction {
  thread = 0;
  choice = 0;
  /** For each node and thread the outcomes to take. */
  private readonly todo: Int32Array;
  private readonly threads: number;
  private readonly reversal: Reversal;

  constructor(
    private readonly search: Search,
    shortcuts: Shortcuts,
  ) {
    this.threads = search.run.threads.all;
    this.todo = new Int32Array((search.options.maxSteps + 2) * this.threads);
    this.reversal = new Reversal(search, false, (i, steps) => this.plan(i, steps), shortcuts);
  }

  pick(d: number): boolean {
    const { threads, todo } = this;
    if (!this.search.pickAwake(d, this)) return false;
    todo.fill(0, d * threads, (d + 1) * threads);
    todo[d * threads + this.thread] = 1 << this.choice;
    return true;
  }

  executed(): void {}

  ended(ending: number, fresh: number): void {
    this.reversal.all(ending, fresh);
  }

  drop(d: number): boolean {
    this.todo[d * this.threads + this.thread] &= ~(1 << this.choice);
    return this.another(d);
  }

  open(d: number): number {
    const { threads, todo, search } = this;
    let n = 1;
    for (let t = 0; t < threads; t++) {
      let awake = todo[d * threads + t] & ~search.sleep.mask[d * threads + t];
      if (t === search.events.thread[d]) awake &= ~(1 << search.events.choice[d]);
      for (; awake !== 0; awake &= awake - 1) n++;
    }
    return n;
  }

  another(d: number): boolean {
    const { threads, todo, search } = this;
    for (let t = 0; t < threads; t++) {
      const awake = todo[d * threads + t] & ~search.sleep.mask[d * threads + t];
      if (awake === 0) continue;
      this.thread = t;
      this.choice = 31 - Math.clz32(awake & -awake);
      return true;
    }
    return false;
  }

  private plan(i: number, steps: Sequence): void {
    const { todo, threads } = this;
    let add = -1;
    for (let k = 0; k < steps.length; k++) {
      if (!this.isInitial(steps, k)) continue;
      const at = i * threads + steps.thread[k];
      if (((todo[at] >>> steps.choice[k]) & 1) === 1) return;
      if (add < 0) add = k;
    }
    todo[i * threads + steps.thread[add]] |= 1 << steps.choice[add];
  }

  /** A thread and the flusher of its store buffer wait for each other, which footprints do not show. */
  private isSame(a: number, b: number): boolean {
    const { count } = this.search.run.threads;
    return a === b || a === b + count || b === a + count;
  }

  /** Whether step `k` can come first: nothing before it in the sequence is of its thread or conflicts with it. */
  private isInitial(steps: Sequence, k: number): boolean {
    for (let b = 0; b < k; b++) {
      if (this.isSame(steps.thread[b], steps.thread[k]) || conflicts(steps.foot[b], steps.foot[k]))
        return false;
    }
    return true;
  }
}
