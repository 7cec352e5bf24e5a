/**
 * The execution under way as data: each event with its operation, footprint, order and the values it left behind, and
 * for each word the chain of events that touched it. A stack: backtracking pops, so a prefix is never computed again.
 */
import { Kind, u32 } from '@faultline/machine';
import { Buffered } from './buffered.ts';
import { conflicts, Mode, modeOf, partOf, partsOf, sameWordConflicts, wordOf } from './footprint.ts';
import { HappensBefore } from './happens-before.ts';
import { waits } from './memory-model.ts';
import { OpTable } from './op-table.ts';

export class Events {
  /** Number of events; the next one gets this index. */
  depth = 0;
  readonly ops: OpTable;
  readonly thread: Int32Array;
  /** Outcome of a CHOOSE, else 0. */
  readonly choice: Int32Array;
  readonly foot: Int32Array;
  /** Number of the event in its thread, from 1. */
  readonly index: Int32Array;
  readonly order: HappensBefore;
  /** Result of each event. */
  readonly resultLo: Uint32Array;
  readonly resultHi: Uint32Array;
  /** The thread's event before this one, or -1; the last one of each thread. */
  readonly before: Int32Array;
  readonly last: Int32Array;

  /** Earlier events that this one may be reversed against: `race[raceFrom[i]] .. race[raceFrom[i + 1] - 1]`. */
  readonly raceFrom: Int32Array;
  race: Int32Array;

  /** Parts: one row for each word of each event's footprint, in event order. */
  readonly partFrom: Int32Array;
  partEvent: Int32Array;
  partFoot: Int32Array;
  /** What the event left in the word (for writes), for a rwlock who took it out of the queue (hi). */
  partLo: Uint32Array;
  partHi: Uint32Array;
  /** What stood in the word before its first event. */
  baseLo: Uint32Array;
  baseHi: Uint32Array;
  /** The part of the event that touched the same word before, or -1. */
  partBefore: Int32Array;
  /** Last part of each word, or -1. */
  readonly head: Int32Array;

  /** What store buffers add to the order; null without them. */
  readonly buffered: Buffered | null;

  /** `threads`: flushers of store buffers included. */
  constructor(
    readonly threads: number,
    readonly programs: number,
    readonly maxSteps: number,
    words: number,
    /** For tests of the waiting rule: waiting operations race as others do. */
    private readonly immediateOnly: boolean,
  ) {
    const rows = maxSteps + 1;
    this.ops = new OpTable(rows);
    this.thread = new Int32Array(rows);
    this.choice = new Int32Array(rows);
    this.foot = new Int32Array(rows);
    this.index = new Int32Array(rows);
    this.order = new HappensBefore(rows);
    this.resultLo = new Uint32Array(rows);
    this.resultHi = new Uint32Array(rows);
    this.before = new Int32Array(rows);
    this.last = new Int32Array(threads).fill(-1);
    this.raceFrom = new Int32Array(rows + 1);
    this.race = new Int32Array(rows * 4);
    this.partFrom = new Int32Array(rows + 1);
    this.partEvent = new Int32Array(rows * 2);
    this.partFoot = new Int32Array(rows * 2);
    this.partLo = new Uint32Array(rows * 2);
    this.partHi = new Uint32Array(rows * 2);
    this.baseLo = new Uint32Array(rows * 2);
    this.baseHi = new Uint32Array(rows * 2);
    this.partBefore = new Int32Array(rows * 2);
    this.head = new Int32Array(words).fill(-1);
    this.buffered = threads > programs ? new Buffered(this, programs) : null;
  }

  /** Whether event `i` happens before event `k` (or is it), in the order of dependent events. */
  happensBefore(i: number, k: number): boolean {
    return this.order.holds(i, k);
  }

  /** Whether event `i` happens before what thread `t` waits to do, which is in its row of `ops`. */
  beforeNext(i: number, t: number, ops: OpTable): boolean {
    if (this.order.holds(i, this.last[t])) return true;
    const { buffered } = this;
    return buffered !== null && this.order.holds(i, buffered.flushesBefore(ops.kind[t], ops.order[t], t));
  }

  /** The first event of thread `t` after event `i`, or -1. */
  firstAfter(i: number, t: number): number {
    const { before } = this;
    let first = -1;
    for (let k = this.last[t]; k > i; k = before[k]) first = k;
    return first;
  }

  /** Adds the operation that thread `t` waits to do, about to happen with this footprint; returns its index. */
  push(t: number, pending: OpTable, choice: number, foot: number): number {
    const i = this.depth++;
    const last = this.last[t];
    this.ops.copy(i, pending, t);
    this.thread[i] = t;
    this.choice[i] = choice;
    this.foot[i] = foot;
    this.before[i] = last;
    this.index[i] = last < 0 ? 1 : this.index[last] + 1;
    this.last[t] = i;
    this.order.begin(i, last);
    if (this.buffered !== null) this.buffered.join(i);
    this.raceFrom[i + 1] = this.raceFrom[i];
    if (waits(pending.kind[t]) && !this.immediateOnly) this.raceWaiting(i, foot);
    else if (foot > 0) this.raceOne(i, foot);
    else if (foot < 0) this.raceList(i, foot);
    if (pending.kind[t] === Kind.CHOOSE) this.addRace(i, i);
    this.addParts(i, foot);
    return i;
  }

  /** Notes what event `i`, the last one, left in the words it touched. */
  notePosts(i: number): void {
    const foot = this.foot[i];
    if (foot >= 0 && modeOf(foot) <= Mode.READ) return;
    for (let e = this.partFrom[i]; e < this.partFrom[i + 1]; e++) {
      const word = wordOf(this.partFoot[e]);
      this.partLo[e] = u32[word];
      this.partHi[e] = u32[word + 1];
    }
  }

  /** Forgets the events from `depth` on. */
  truncate(depth: number): void {
    for (let i = this.depth - 1; i >= depth; i--) {
      this.last[this.thread[i]] = this.before[i];
      if (this.buffered !== null) this.buffered.drop(i);
      for (let e = this.partFrom[i + 1] - 1; e >= this.partFrom[i]; e--) {
        this.head[wordOf(this.partFoot[e])] = this.partBefore[e];
      }
    }
    this.depth = depth;
  }

  /** Races of an operation on one word: the conflicting events that are ordered before it by nothing but itself. */
  private raceOne(i: number, foot: number): void {
    const { order, partEvent, partFoot, partBefore } = this;
    for (let e = this.head[wordOf(foot)]; e >= 0; e = partBefore[e]) {
      const one = partFoot[e];
      if (!sameWordConflicts(one, foot)) continue;
      const k = partEvent[e];
      if (!order.orders(k, i)) {
        this.addRace(i, k);
        order.join(i, k);
      }
      if (modeOf(one) === Mode.WRITE) return;
    }
  }

  private raceList(i: number, foot: number): void {
    const { order } = this;
    for (let k = i - 1; k >= 0; k--) {
      if (order.orders(k, i) || !conflicts(this.foot[k], foot)) continue;
      this.addRace(i, k);
      order.join(i, k);
    }
  }

  /** A waiting operation is tried against all earlier conflicting events that its own thread had not seen. */
  private raceWaiting(i: number, foot: number): void {
    if (foot < 0) {
      for (let k = i - 1; k >= 0; k--) if (conflicts(this.foot[k], foot)) this.raceWait(i, k);
      return;
    }
    if (foot === 0) return;
    const { partEvent, partFoot, partBefore } = this;
    for (let e = this.head[wordOf(foot)]; e >= 0; e = partBefore[e]) {
      if (sameWordConflicts(partFoot[e], foot)) this.raceWait(i, partEvent[e]);
    }
  }

  private raceWait(i: number, k: number): void {
    const { order, ops } = this;
    if (order.holds(k, this.before[i])) return;
    if (this.buffered !== null && order.holds(k, this.drained(i))) return;
    // Before an unlock the lock is held, whatever else is reordered: such a reversal could not happen.
    if (!(ops.kind[k] === Kind.MUTEX_UNLOCK && ops.kind[i] === Kind.MUTEX_LOCK)) this.addRace(i, k);
    if (!order.orders(k, i)) order.join(i, k);
  }

  /** The last flush that event `i` had to wait for, -1 for none. */
  private drained(i: number): number {
    const { ops, buffered } = this;
    return buffered === null ? -1 : buffered.flushesBefore(ops.kind[i], ops.order[i], this.thread[i]);
  }

  private addRace(i: number, k: number): void {
    const at = this.raceFrom[i + 1];
    if (at === this.race.length) this.race = grown(this.race);
    this.race[at] = k;
    this.raceFrom[i + 1] = at + 1;
  }

  private addParts(i: number, foot: number): void {
    let e = this.partFrom[i];
    const n = partsOf(foot);
    if (e + n > this.partEvent.length) this.growParts();
    for (let k = 0; k < n; k++, e++) {
      const one = partOf(foot, k);
      const word = wordOf(one);
      this.partEvent[e] = i;
      this.partFoot[e] = one;
      this.partBefore[e] = this.head[word];
      if (this.head[word] < 0) {
        this.baseLo[e] = u32[word];
        this.baseHi[e] = u32[word + 1];
      }
      this.head[word] = e;
    }
    this.partFrom[i + 1] = e;
  }

  private growParts(): void {
    this.partEvent = grown(this.partEvent);
    this.partFoot = grown(this.partFoot);
    this.partBefore = grown(this.partBefore);
    this.partLo = grownUnsigned(this.partLo);
    this.partHi = grownUnsigned(this.partHi);
    this.baseLo = grownUnsigned(this.baseLo);
    this.baseHi = grownUnsigned(this.baseHi);
  }
}

function grown(array: Int32Array): Int32Array {
  const bigger = new Int32Array(array.length * 2 + 64);
  bigger.set(array);
  return bigger;
}

function grownUnsigned(array: Uint32Array): Uint32Array {
  const bigger = new Uint32Array(array.length * 2 + 64);
  bigger.set(array);
  return bigger;
}
