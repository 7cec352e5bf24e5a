/**
 * Which edges each visible operation gives, from its kind and memory order. Computed only when somebody asks (at a plain
 * access or a free): events and fences since the last time are caught up with then, and undone like all else.
 */
import { Kind, MAX_LIST, MAX_TASKS, Order } from '@faultline/machine';
import type { Events } from '../events.ts';
import { Mode, modeOf, tagOf } from '../footprint.ts';
import { tokenByte } from '../sc.ts';
import { isBuffered } from '../tso.ts';
import type { State } from './state.ts';
import type { SyncClocks } from './sync.ts';

export class Orders {
  /** Slot of the clock with which each event left an SRCU section. */
  private readonly leaveSlot: Int32Array;
  /** Slot of the clock that each buffered store publishes, 0 for none. */
  private readonly storeSlot: Int32Array;
  /** Clock of its own thread at each event. */
  private readonly epochs: Int32Array;

  /** Fences in order: the event whose thread was running, thread, which fence. */
  private readonly fences: number[] = [];

  /** `at`: two integers of the state: events and fences whose edges are known. */
  constructor(
    private readonly sync: SyncClocks,
    private readonly events: Events,
    private readonly state: State,
    private readonly at: number,
  ) {
    this.leaveSlot = new Int32Array(events.maxSteps + 1);
    this.storeSlot = new Int32Array(events.maxSteps + 1);
    this.epochs = new Int32Array(events.maxSteps + 1);
  }

  /** Clock of its thread when event `i` happened. */
  epochOf(i: number): number {
    return this.epochs[i];
  }

  /** Thread `t` executes a fence after event `event`. */
  fence(event: number, t: number, order: number): void {
    this.fences.push(event, t, order);
  }

  /** Forgets the fences after event `event`. */
  undo(event: number): void {
    const { fences } = this;
    while (fences.length > 0 && fences[fences.length - 3] > event) fences.length -= 3;
  }

  /** All edges up to and including event `event` are known afterwards. */
  catchUp(event: number): void {
    const { data } = this.state;
    let next = data[this.at];
    let fence = data[this.at + 1];
    const { fences } = this;
    if (next > event && fence === fences.length) return;
    while (next <= event || fence < fences.length) {
      if (fence < fences.length && fences[fence] < next) {
        this.applyFence(fences[fence + 1], fences[fence + 2]);
        fence += 3;
      } else {
        this.event(next, this.events.thread[next]);
        next++;
      }
    }
    this.state.set(this.at, next);
    this.state.set(this.at + 1, fence);
  }

  private applyFence(t: number, order: number): void {
    const { sync } = this;
    if (order === Order.MB || order === Order.MB_AFTER_ATOMIC) sync.fullFence(t);
    else if (order === Order.RMB) sync.acquireFence(t);
    else if (order === Order.WMB) sync.releaseFence(t);
  }

  private event(i: number, t: number): void {
    const { ops } = this.events;
    const word = ops.addr[i] >>> 2;
    const kind = ops.kind[i];
    this.epochs[i] = this.sync.epoch(t);
    const { buffered, programs } = this.events;
    if (buffered !== null && t >= programs) {
      this.flushed(i, word, buffered.partner[i]);
      return;
    }
    if (buffered !== null && kind <= Kind.ANDNOT && isBuffered(kind, ops.order[i])) {
      this.stored(i, t, ops.order[i]);
      return;
    }
    if (kind === Kind.FENCE) {
      this.applyFence(t, ops.order[i]);
      return;
    }
    if (kind === Kind.LOAD) this.load(t, word, ops.order[i]);
    else if (kind === Kind.STORE) this.store(t, word, ops.order[i]);
    else if (kind <= Kind.ANDNOT) this.modify(i, t, word);
    else if (kind === Kind.AWAIT) this.sync.loadRelaxed(t, word);
    else if (kind === Kind.ATOMIC) this.section(i, t);
    else if (kind >= Kind.SRCU_LOCK && kind <= Kind.SRCU_WAIT) this.srcu(i, t, kind);
    else this.lock(i, t, kind, word);
  }

  private load(t: number, word: number, order: number): void {
    if (order === Order.ACQUIRE || order === Order.DEREFERENCE || order === Order.FULL)
      this.sync.acquire(t, word);
    else if (order !== Order.RACY) this.sync.loadRelaxed(t, word);
  }

  private store(t: number, word: number, order: number): void {
    if (order === Order.RELEASE) {
      this.sync.release(t, word);
      return;
    }
    this.sync.storeRelaxed(t, word);
    if (order === Order.FULL) this.sync.fullFence(t);
  }

  /** What a buffered store publishes is fixed now, and published when it is written to memory. */
  private stored(i: number, t: number, order: number): void {
    this.storeSlot[i] = order === Order.RELEASE ? this.sync.keep(t) : this.sync.keepFenced(t);
  }

  private flushed(i: number, word: number, store: number): void {
    const kind = this.events.ops.kind[i];
    if (kind === Kind.STORE) this.sync.publish(word, this.storeSlot[store]);
    else if (kind === Kind.ADD) this.sync.publishToo(word, this.storeSlot[store]);
  }

  private modify(i: number, t: number, word: number): void {
    const { sync } = this;
    const { ops } = this.events;
    const order = ops.order[i];
    if (ops.kind[i] === Kind.CMPXCHG && this.failed(i)) {
      sync.loadRelaxed(t, word);
    } else if (order === Order.FULL) {
      sync.acquire(t, word);
      sync.acquireFence(t);
      sync.releaseJoin(t, word);
      sync.releaseFence(t);
    } else {
      if (order === Order.ACQUIRE) sync.acquire(t, word);
      else sync.loadRelaxed(t, word);
      if (order === Order.RELEASE) sync.releaseJoin(t, word);
      else sync.modifyRelaxed(t, word);
    }
  }

  private failed(i: number): boolean {
    const { ops, resultLo, resultHi } = this.events;
    return resultLo[i] !== ops.aLo[i] || (ops.size[i] === 8 && resultHi[i] !== ops.aHi[i]);
  }

  private section(i: number, t: number): void {
    const { ops } = this.events;
    const base = i * MAX_LIST;
    for (let k = base; k < base + ops.listLength[i]; k++) {
      this.sync.acquire(t, ops.listAddr[k] >>> 2);
      if (ops.order[i] === 1) this.sync.releaseJoin(t, ops.listAddr[k] >>> 2);
    }
  }

  /** Writers publish in a rwlock's first word, readers in its second: readers are not ordered among themselves. */
  private lock(i: number, t: number, kind: number, word: number): void {
    const { sync } = this;
    switch (kind) {
      case Kind.MUTEX_TRYLOCK:
        if (this.events.resultLo[i] === 1) sync.acquire(t, word);
        return;
      case Kind.MUTEX_LOCK:
      case Kind.SPIN_LOCK:
      case Kind.READ_LOCK:
        sync.acquire(t, word);
        return;
      case Kind.WRITE_LOCK:
        sync.acquire(t, word);
        sync.acquire(t, word + 1);
        return;
      case Kind.MUTEX_UNLOCK:
      case Kind.SPIN_UNLOCK:
      case Kind.WRITE_UNLOCK:
        sync.release(t, word);
        return;
      case Kind.READ_UNLOCK:
        sync.releaseJoin(t, word + 1);
        return;
      default:
    }
  }

  /** The end of a section happens before the end of each grace period that began after it, or that waited for it. */
  private srcu(i: number, t: number, kind: number): void {
    const { ops, foot, threads } = this.events;
    const domain = ops.addr[i] >>> 2;
    if (kind === Kind.SRCU_UNLOCK) {
      if (modeOf(foot[i]) === Mode.LEAVE) this.leaveSlot[i] = this.sync.keep(t);
    } else if (kind === Kind.SRCU_BEGIN) {
      for (let r = 1; r <= Math.min(threads, MAX_TASKS); r++) this.acquireLeave(i, t, domain + r, -1);
    } else if (kind === Kind.SRCU_WAIT) {
      for (let r = 1; r <= MAX_TASKS; r++) {
        const byte = tokenByte(ops.aLo[i], ops.aHi[i], r);
        if (byte !== 0) this.acquireLeave(i, t, domain + r, byte & 0x7f);
      }
      this.sync.fullFence(t);
    }
  }

  /** Takes over the clock of the last event before `before` that left the section `tag` (-1: any) of the reader who owns `word`. */
  private acquireLeave(before: number, t: number, word: number, tag: number): void {
    const { head, partBefore, partFoot, partEvent } = this.events;
    for (let e = head[word]; e >= 0; e = partBefore[e]) {
      if (partEvent[e] > before) continue;
      if (modeOf(partFoot[e]) !== Mode.LEAVE || (tag >= 0 && tagOf(partFoot[e]) !== tag)) continue;
      this.sync.acquireKept(t, this.leaveSlot[partEvent[e]]);
      return;
    }
  }
}
