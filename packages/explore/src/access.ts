/**
 * What an operation would touch: computed from memory as it is when the operation happens, and again from memory as it
 * would be in a reordered execution, because the outcome of a cmpxchg or a wait decides its footprint.
 */
import { Kind, MAX_LIST, MAX_TASKS, u32, WRITER } from '@faultline/machine';
import type { Events } from './events.ts';
import { footprint, footprintOf, Mode, modeOf, NO_FOOTPRINT, wordOf } from './footprint.ts';
import type { OpTable } from './op-table.ts';
import { awaited, modified, modifyCell, readerLeft, tokenByte } from './sc.ts';
import { isBuffered } from './tso.ts';

/** Which operations count as dependent. All but the first two are smaller than what programs can observe in general. */
export interface Equivalence {
  /** A cmpxchg or trylock that fails is a read. */
  readonly failedCas: boolean;
  /** Any read-modify-write or store that leaves the value as it was is a read. */
  readonly silentWrites: boolean;
  /** Stores of the same value commute. */
  readonly sameValue: boolean;
  /** Additions commute; each then returns 0, so that no thread can tell their order. */
  readonly commutingAdds: boolean;
}

export const DEFAULT_EQUIVALENCE: Equivalence = {
  failedCas: true,
  silentWrites: false,
  sameValue: false,
  commutingAdds: false,
};

/** Instead of a footprint: the operation could not happen there. */
export const DISABLED = -0x8000_0000;

const parts = new Int32Array(64);

/** Where values come from: memory now, or memory of an execution that was not run. */
interface Values {
  lo: number;
  hi: number;
  /** Puts the value of a cell or SRCU reader's word into lo and hi. */
  cell(word: number): void;
}

export class Access {
  private readonly now: Values = {
    lo: 0,
    hi: 0,
    cell(word) {
      this.lo = u32[word];
      this.hi = u32[word + 1];
    },
  };
  private readonly reordered: Reordered;

  constructor(
    private readonly events: Events,
    private readonly equivalence: Equivalence,
  ) {
    this.reordered = new Reordered(events);
  }

  /** Footprint of the operation in `row` of `ops` of thread `t`, which is about to happen. */
  next(ops: OpTable, row: number, t: number): number {
    const { buffered, programs } = this.events;
    // Nobody sees a store that goes into a buffer.
    if (buffered !== null && t < programs && isBuffered(ops.kind[row], ops.order[row])) return NO_FOOTPRINT;
    return this.foot(ops, row, t, this.now);
  }

  /**
   * Footprint of the operation in `row` of `ops` if it happened after the events before `i` and those after `i` that do
   * not depend on `i`; DISABLED if it would have to wait there.
   */
  without(i: number, ops: OpTable, row: number, t: number): number {
    const { reordered } = this;
    reordered.removed = i;
    reordered.own = this.events.buffered === null ? -1 : t;
    reordered.from = ops === this.events.ops ? this.events.before[row] : this.events.last[t];
    if (!this.enabledThen(ops, row)) return DISABLED;
    return this.foot(ops, row, t, reordered);
  }

  private enabledThen(ops: OpTable, row: number): boolean {
    const { reordered } = this;
    const word = ops.addr[row] >>> 2;
    switch (ops.kind[row]) {
      case Kind.MUTEX_LOCK:
      case Kind.SPIN_LOCK:
        reordered.cell(word);
        return reordered.lo === 0;
      case Kind.READ_LOCK:
        reordered.rwlock(word);
        return reordered.writer === 0 && reordered.queued === 0;
      case Kind.WRITE_LOCK:
        reordered.rwlock(word);
        return reordered.writer === 0 && reordered.readers === 0;
      case Kind.AWAIT:
        reordered.load(ops.addr[row]);
        return awaited(ops, row, reordered.lo, reordered.hi);
      case Kind.RETRY:
        return this.changedThen(ops, row);
      case Kind.SRCU_WAIT:
        return this.leftThen(ops, row);
      default:
        return true;
    }
  }

  private changedThen(ops: OpTable, row: number): boolean {
    const { reordered } = this;
    const base = row * MAX_LIST;
    for (let k = base; k < base + ops.listLength[row]; k++) {
      reordered.load(ops.listAddr[k]);
      if (reordered.lo !== ops.listLo[k]) return true;
      if (ops.listSize[k] === 8 && reordered.hi !== ops.listHi[k]) return true;
    }
    return false;
  }

  private leftThen(ops: OpTable, row: number): boolean {
    const { reordered } = this;
    for (let task = 1; task <= MAX_TASKS; task++) {
      const byte = tokenByte(ops.aLo[row], ops.aHi[row], task);
      if (byte === 0) continue;
      reordered.cell((ops.addr[row] >>> 2) + task);
      if (!readerLeft(reordered.lo, byte)) return false;
    }
    return true;
  }

  private foot(ops: OpTable, row: number, t: number, values: Values): number {
    const addr = ops.addr[row];
    switch (ops.kind[row]) {
      case Kind.LOAD:
      case Kind.AWAIT:
        return footprint(addr, Mode.READ);
      case Kind.STORE:
      case Kind.XCHG:
      case Kind.CMPXCHG:
      case Kind.ADD:
      case Kind.AND:
      case Kind.OR:
      case Kind.ANDNOT:
        return this.cellFoot(ops, row, values);
      case Kind.MUTEX_TRYLOCK:
        values.cell(addr >>> 2);
        return footprint(addr, this.equivalence.failedCas && values.lo !== 0 ? Mode.READ : Mode.WRITE);
      case Kind.MUTEX_LOCK:
      case Kind.MUTEX_UNLOCK:
      case Kind.SPIN_LOCK:
      case Kind.SPIN_UNLOCK:
      case Kind.WRITE_LOCK:
      case Kind.WRITE_UNLOCK:
        return footprint(addr, Mode.WRITE);
      case Kind.READ_LOCK:
        return footprint(addr, Mode.READ_LOCK);
      case Kind.READ_UNLOCK:
        return footprint(addr, Mode.READ_UNLOCK);
      case Kind.WRITE_QUEUE:
        return footprint(addr, Mode.QUEUE);
      case Kind.RETRY:
        return listFoot(ops, row, Mode.READ);
      case Kind.ATOMIC:
        return listFoot(ops, row, ops.order[row] === 1 ? Mode.WRITE : Mode.READ);
      case Kind.SRCU_LOCK:
      case Kind.SRCU_UNLOCK:
        return sectionFoot(ops.kind[row], addr + 4 * (t + 1), values);
      case Kind.SRCU_BEGIN:
        return this.beginFoot(addr);
      case Kind.SRCU_WAIT:
        return graceFoot(ops, row);
      default:
        return NO_FOOTPRINT;
    }
  }

  private cellFoot(ops: OpTable, row: number, values: Values): number {
    const { failedCas, silentWrites, sameValue, commutingAdds } = this.equivalence;
    const addr = ops.addr[row];
    const kind = ops.kind[row];
    if (kind === Kind.ADD && commutingAdds) return footprint(addr, Mode.ADD);
    if (kind === Kind.CMPXCHG || silentWrites) {
      values.cell(addr >>> 2);
      const { lo, hi } = values;
      modifyCell(ops, row, lo, hi);
      if (modified.skip && failedCas) return footprint(addr, Mode.READ);
      const same = modified.skip || (modified.lo === lo && (ops.size[row] === 4 || modified.hi === hi));
      if (silentWrites && same) return footprint(addr, Mode.READ);
    }
    if (kind === Kind.STORE && sameValue) return storeFoot(addr, ops.aLo[row], ops.aHi[row]);
    return footprint(addr, Mode.WRITE);
  }

  /** A grace period that begins reads the word of every reader. */
  private beginFoot(domain: number): number {
    const n = Math.min(this.events.programs, MAX_TASKS);
    for (let r = 1; r <= n; r++) parts[r - 1] = footprint(domain + 4 * r, Mode.READ);
    return footprintOf(parts, n);
  }
}

/** Small values are their own tag; larger ones conflict with every other access. */
function storeFoot(addr: number, lo: number, hi: number): number {
  return hi === 0 && lo < 0x80 ? footprint(addr, Mode.VALUE, lo) : footprint(addr, Mode.WRITE);
}

/** Entering or leaving an outermost section; a nested one changes nothing that a grace period looks at. */
function sectionFoot(kind: number, addr: number, values: Values): number {
  values.cell(addr >>> 2);
  const depth = values.lo & 0xff;
  if (kind === Kind.SRCU_LOCK) return footprint(addr, depth === 0 ? Mode.ENTER : Mode.NONE);
  return depth === 1 ? footprint(addr, Mode.LEAVE, (values.lo >>> 8) & 0x7f) : footprint(addr, Mode.NONE);
}

function graceFoot(ops: OpTable, row: number): number {
  let n = 0;
  for (let task = 1; task <= MAX_TASKS; task++) {
    const byte = tokenByte(ops.aLo[row], ops.aHi[row], task);
    if (byte !== 0) parts[n++] = footprint(ops.addr[row] + 4 * task, Mode.GRACE, byte & 0x7f);
  }
  return footprintOf(parts, n);
}

function listFoot(ops: OpTable, row: number, mode: number): number {
  let n = 0;
  const base = row * MAX_LIST;
  for (let k = base; k < base + ops.listLength[row]; k++) {
    const one = footprint(ops.listAddr[k], mode);
    let known = false;
    for (let m = 0; m < n; m++) if (parts[m] === one) known = true;
    if (!known) parts[n++] = one;
  }
  return footprintOf(parts, n);
}

/** Values in the execution without one event and without all that depends on it. */
class Reordered implements Values {
  lo = 0;
  hi = 0;
  readers = 0;
  writer = 0;
  queued = 0;
  removed = -1;
  /** The thread whose store buffer is looked into by `load`, and its last event; -1: no buffers. */
  own = -1;
  from = -1;

  constructor(private readonly events: Events) {}

  /** What the thread `own` would read. */
  load(addr: number): void {
    const { buffered, ops } = this.events;
    const k =
      buffered === null || this.own < 0 ? -1 : buffered.forwarded(this.own, addr, this.from, this.removed);
    if (k < 0) this.cell(addr >>> 2);
    else this.set(0, 0, ops.aLo[k], ops.aHi[k]);
  }

  cell(word: number): void {
    const { events } = this;
    const { partBefore, partFoot } = events;
    let lo = 0;
    let hi = 0;
    let first = -1;
    for (let e = this.latest(word); e >= 0; e = partBefore[e]) {
      first = e;
      const mode = modeOf(partFoot[e]);
      if (mode === Mode.READ || mode === Mode.NONE || !this.kept(e)) continue;
      if (mode === Mode.ADD) {
        const { ops } = events;
        const sum = lo + ops.aLo[events.partEvent[e]];
        lo = sum >>> 0;
        hi = (hi + ops.aHi[events.partEvent[e]] + (sum > 0xffff_ffff ? 1 : 0)) >>> 0;
        continue;
      }
      if (mode === Mode.WRITE || mode === Mode.ENTER || mode === Mode.LEAVE || mode === Mode.VALUE) {
        this.set(lo, hi, events.partLo[e], events.partHi[e]);
        return;
      }
    }
    if (first < 0) this.set(lo, hi, u32[word], u32[word + 1]);
    else this.set(lo, hi, events.baseLo[first], events.baseHi[first]);
  }

  /** Where to begin: if the removed event wrote the word, all that came later depends on it. */
  private latest(word: number): number {
    const { events, removed } = this;
    const own = events.partFrom[removed];
    const foot = events.partFoot[own];
    const wrote =
      events.partFrom[removed + 1] === own + 1 && wordOf(foot) === word && modeOf(foot) === Mode.WRITE;
    return wrote ? own : events.head[word];
  }

  /** State of a rwlock: its counters commute, so they are summed over the events that are kept. */
  rwlock(word: number): void {
    const { events } = this;
    const { partBefore, partFoot, partLo } = events;
    let first = -1;
    let readers = 0;
    let queued = 0;
    let writer = -1;
    for (let e = events.head[word]; e >= 0; e = partBefore[e]) {
      first = e;
      if (!this.kept(e)) continue;
      const mode = modeOf(partFoot[e]);
      if (mode === Mode.READ_LOCK) readers++;
      else if (mode === Mode.READ_UNLOCK) readers--;
      else if (mode === Mode.QUEUE) queued++;
      else if (mode === Mode.WRITE) {
        const locked = partLo[e] === WRITER;
        if (writer < 0) writer = locked ? 1 : 0;
        if (locked) queued--;
      }
    }
    const lo = first < 0 ? u32[word] : events.baseLo[first];
    const hi = first < 0 ? u32[word + 1] : events.baseHi[first];
    this.readers = readers + (lo === WRITER ? 0 : lo);
    this.writer = writer >= 0 ? writer : lo === WRITER ? 1 : 0;
    this.queued = Math.max(0, queued + hi);
  }

  private kept(part: number): boolean {
    const k = this.events.partEvent[part];
    return k < this.removed || (k > this.removed && !this.events.happensBefore(this.removed, k));
  }

  private set(addLo: number, addHi: number, lo: number, hi: number): void {
    const sum = lo + addLo;
    this.lo = sum >>> 0;
    this.hi = (hi + addHi + (sum > 0xffff_ffff ? 1 : 0)) >>> 0;
  }
}
