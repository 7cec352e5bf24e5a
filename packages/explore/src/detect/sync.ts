/**
 * Vector clocks over synchronises-with edges only: what the kernel's orderings promise, not what happened to happen.
 * A release publishes the thread's clock in the word; an acquire of that word takes it over; a relaxed access does so
 * only together with a fence, as in C11.
 */
import type { State } from './state.ts';

/** Integers that these clocks need before the pool of published clocks. */
export function syncSize(threads: number, words: number): number {
  return 3 * threads * threads + words + 1;
}

export class SyncClocks {
  /** Clock of each thread, one row each. */
  readonly clocks: number;
  /** What relaxed loads have seen: an acquire fence takes it over. */
  private readonly seen: number;
  /** Clock at the last release fence: what relaxed stores publish. */
  private readonly fenced: number;
  /** Slot of the clock published in each word, 0 for none. */
  private readonly slotOf: number;
  private readonly nextSlot: number;
  private readonly pool: number;

  constructor(
    private readonly state: State,
    private readonly threads: number,
    words: number,
    from: number,
  ) {
    const square = threads * threads;
    this.clocks = from;
    this.seen = from + square;
    this.fenced = from + 2 * square;
    this.slotOf = from + 3 * square;
    this.nextSlot = this.slotOf + words;
    this.pool = this.nextSlot + 1;
    state.ensure(this.pool + 64 * threads);
    for (let t = 0; t < threads; t++) state.data[from + t * threads + t] = 1;
    state.data[this.nextSlot] = 1;
  }

  /** The thread's own clock: what names an access of it. */
  epoch(t: number): number {
    return this.state.data[this.clocks + t * this.threads + t];
  }

  /** Whether what thread `u` did at its clock `at` happens before what thread `t` does now. */
  covers(t: number, u: number, at: number): boolean {
    return this.state.data[this.clocks + t * this.threads + u] >= at;
  }

  acquire(t: number, word: number): void {
    const slot = this.state.data[this.slotOf + word];
    if (slot !== 0) this.join(this.clocks + t * this.threads, this.slot(slot));
  }

  /** A relaxed load: gives an edge only once an acquire fence follows. */
  loadRelaxed(t: number, word: number): void {
    const slot = this.state.data[this.slotOf + word];
    if (slot !== 0) this.join(this.seen + t * this.threads, this.slot(slot));
  }

  release(t: number, word: number): void {
    this.copy(this.slot(this.slotFor(word)), this.clocks + t * this.threads);
    this.tick(t);
  }

  /** Adds to what others have published in the word: for readers of a rwlock and read-modify-writes. */
  releaseJoin(t: number, word: number): void {
    this.join(this.slot(this.slotFor(word)), this.clocks + t * this.threads);
    this.tick(t);
  }

  /** A relaxed store: publishes what an earlier release fence ordered, and nothing else. */
  storeRelaxed(t: number, word: number): void {
    if (this.fencedNothing(t)) {
      this.state.set(this.slotOf + word, 0);
      return;
    }
    this.state.set(this.slotOf + word, 0);
    this.copy(this.slot(this.slotFor(word)), this.fenced + t * this.threads);
  }

  /** The store of a relaxed read-modify-write: what was published before stays. */
  modifyRelaxed(t: number, word: number): void {
    if (this.fencedNothing(t)) return;
    this.join(this.slot(this.slotFor(word)), this.fenced + t * this.threads);
  }

  acquireFence(t: number): void {
    this.join(this.clocks + t * this.threads, this.seen + t * this.threads);
  }

  releaseFence(t: number): void {
    this.copy(this.fenced + t * this.threads, this.clocks + t * this.threads);
    this.tick(t);
  }

  fullFence(t: number): void {
    this.acquireFence(t);
    this.releaseFence(t);
  }

  /** A fresh slot that keeps the clock of thread `t` as it is now. */
  keep(t: number): number {
    const slot = this.take();
    this.copy(this.slot(slot), this.clocks + t * this.threads);
    this.tick(t);
    return slot;
  }

  /** A slot that keeps what a relaxed store of thread `t` would publish now; 0 if nothing. */
  keepFenced(t: number): number {
    if (this.fencedNothing(t)) return 0;
    const slot = this.take();
    this.copy(this.slot(slot), this.fenced + t * this.threads);
    return slot;
  }

  /** The clock of a slot is what the word publishes from now on, and nothing else; slot 0: nothing. */
  publish(word: number, slot: number): void {
    this.state.set(this.slotOf + word, slot);
  }

  /** The same beside what the word publishes already: for the store of a read-modify-write. */
  publishToo(word: number, slot: number): void {
    if (slot !== 0) this.join(this.slot(this.slotFor(word)), this.slot(slot));
  }

  acquireKept(t: number, slot: number): void {
    this.join(this.clocks + t * this.threads, this.slot(slot));
  }

  /** A fresh slot of zeros, for a set of readers. */
  emptySlot(): number {
    const slot = this.take();
    for (let q = 0; q < this.threads; q++) this.state.set(this.slot(slot) + q, 0);
    return slot;
  }

  /** Position of the first integer of a slot. */
  slot(slot: number): number {
    return this.pool + slot * this.threads;
  }

  private slotFor(word: number): number {
    const known = this.state.data[this.slotOf + word];
    if (known !== 0) return known;
    const slot = this.emptySlot();
    this.state.set(this.slotOf + word, slot);
    return slot;
  }

  private take(): number {
    const slot = this.state.data[this.nextSlot];
    this.state.ensure(this.pool + (slot + 1) * this.threads);
    this.state.set(this.nextSlot, slot + 1);
    return slot;
  }

  private fencedNothing(t: number): boolean {
    return this.state.data[this.fenced + t * this.threads + t] === 0;
  }

  private tick(t: number): void {
    const at = this.clocks + t * this.threads + t;
    this.state.set(at, this.state.data[at] + 1);
  }

  private join(into: number, from: number): void {
    const { state, threads } = this;
    for (let q = 0; q < threads; q++) {
      const v = state.data[from + q];
      if (v > state.data[into + q]) state.set(into + q, v);
    }
  }

  private copy(into: number, from: number): void {
    const { state, threads } = this;
    for (let q = 0; q < threads; q++) state.set(into + q, state.data[from + q]);
  }
}
