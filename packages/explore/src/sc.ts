/** Sequential consistency: each operation happens at once, on the one memory. */
import { Kind, MAX_LIST, MAX_TASKS, Until, u32, WRITER } from '@faultline/machine';
import type { MemoryModel } from './memory-model.ts';
import type { OpTable } from './op-table.ts';

const DEPTH_MASK = 0xff;

export class ScModel implements MemoryModel {
  readonly name = 'sc';
  readonly hasBuffers = false;
  readonly result = { lo: 0, hi: 0 };

  /** `hideAdds`: additions return 0, for searches in which they commute. */
  constructor(private readonly hideAdds = false) {}

  start(): void {}

  oldest(): boolean {
    return false;
  }

  enabled(ops: OpTable, row: number): boolean {
    const word = ops.addr[row] >>> 2;
    switch (ops.kind[row]) {
      case Kind.MUTEX_LOCK:
      case Kind.SPIN_LOCK:
      case Kind.WRITE_LOCK:
        return u32[word] === 0;
      case Kind.READ_LOCK:
        return u32[word] !== WRITER && u32[word + 1] === 0;
      case Kind.AWAIT:
        return awaited(ops, row, u32[word], ops.size[row] === 8 ? u32[word + 1] : 0);
      case Kind.RETRY:
        return anyChanged(ops, row);
      case Kind.SRCU_WAIT:
        return allLeft(ops, row);
      default:
        return true;
    }
  }

  execute(ops: OpTable, row: number, task: number, choice: number): void {
    const { result } = this;
    const kind = ops.kind[row];
    const word = ops.addr[row] >>> 2;
    if (kind <= Kind.ANDNOT || kind === Kind.AWAIT) {
      const wide = ops.size[row] === 8;
      const lo = u32[word];
      const hi = wide ? u32[word + 1] : 0;
      result.lo = lo;
      result.hi = hi;
      if (kind === Kind.LOAD || kind === Kind.AWAIT) return;
      if (kind === Kind.ADD && this.hideAdds) result.lo = result.hi = 0;
      modifyCell(ops, row, lo, hi);
      if (modified.skip) return;
      u32[word] = modified.lo;
      if (wide) u32[word + 1] = modified.hi;
      return;
    }
    result.lo = choice;
    result.hi = 0;
    if (kind <= Kind.WRITE_UNLOCK) lockOperation(kind, word, task, result);
    else if (kind <= Kind.SRCU_WAIT) srcuOperation(kind, word, task, result);
  }
}

/** What `modifyCell` leaves: the new halves, or `skip` if the cell stays untouched. */
export const modified = { lo: 0, hi: 0, skip: false };

/** Computes what a STORE or read-modify-write makes of a cell that holds (lo, hi), into `modified`. */
export function modifyCell(ops: OpTable, row: number, lo: number, hi: number): void {
  modifyValue(ops.kind[row], lo, hi, ops.aLo[row], ops.aHi[row], ops.size[row] === 8);
  if (ops.kind[row] !== Kind.CMPXCHG || modified.skip) return;
  modified.lo = ops.bLo[row];
  modified.hi = ops.bHi[row];
}

/** The same for a kind and one operand; a CMPXCHG only says whether it fails. */
export function modifyValue(
  kind: number,
  lo: number,
  hi: number,
  aLo: number,
  aHi: number,
  wide: boolean,
): void {
  const m = modified;
  m.skip = false;
  switch (kind) {
    case Kind.STORE:
    case Kind.XCHG:
      m.lo = aLo;
      m.hi = aHi;
      return;
    case Kind.CMPXCHG:
      m.skip = lo !== aLo || (wide && hi !== aHi);
      return;
    case Kind.ADD: {
      const sum = lo + aLo;
      m.lo = sum >>> 0;
      m.hi = (hi + aHi + (sum > 0xffff_ffff ? 1 : 0)) >>> 0;
      return;
    }
    case Kind.AND:
      m.lo = (lo & aLo) >>> 0;
      m.hi = (hi & aHi) >>> 0;
      return;
    case Kind.OR:
      m.lo = (lo | aLo) >>> 0;
      m.hi = (hi | aHi) >>> 0;
      return;
    default:
      m.lo = (lo & ~aLo) >>> 0;
      m.hi = (hi & ~aHi) >>> 0;
  }
}

/** Whether an AWAIT is satisfied by the value (lo, hi). */
export function awaited(ops: OpTable, row: number, lo: number, hi: number): boolean {
  const differs =
    ((lo ^ ops.aLo[row]) & ops.bLo[row]) !== 0 ||
    (ops.size[row] === 8 && ((hi ^ ops.aHi[row]) & ops.bHi[row]) !== 0);
  return differs === (ops.order[row] === Until.NE);
}

function anyChanged(ops: OpTable, row: number): boolean {
  const base = row * MAX_LIST;
  for (let k = base; k < base + ops.listLength[row]; k++) {
    const word = ops.listAddr[k] >>> 2;
    if (u32[word] !== ops.listLo[k]) return true;
    if (ops.listSize[k] === 8 && u32[word + 1] !== ops.listHi[k]) return true;
  }
  return false;
}

/** The same for those of the listed cells that `counts` is true of. */
export function anyChangedWhere(ops: OpTable, row: number, counts: (addr: number) => boolean): boolean {
  const base = row * MAX_LIST;
  for (let k = base; k < base + ops.listLength[row]; k++) {
    if (!counts(ops.listAddr[k])) continue;
    const word = ops.listAddr[k] >>> 2;
    if (u32[word] !== ops.listLo[k]) return true;
    if (ops.listSize[k] === 8 && u32[word + 1] !== ops.listHi[k]) return true;
  }
  return false;
}

/** The byte of reader `task` in a grace period's token: 0 if it was not inside. */
export function tokenByte(lo: number, hi: number, task: number): number {
  return task <= 4 ? (lo >>> ((task - 1) * 8)) & 0xff : (hi >>> ((task - 5) * 8)) & 0xff;
}

/** Whether the reader whose word is `state` has left the section that `byte` of a token names. */
export function readerLeft(state: number, byte: number): boolean {
  return (state & DEPTH_MASK) === 0 || ((state >>> 8) & 0x7f) !== (byte & 0x7f);
}

function allLeft(ops: OpTable, row: number): boolean {
  const word = ops.addr[row] >>> 2;
  for (let task = 1; task <= MAX_TASKS; task++) {
    const byte = tokenByte(ops.aLo[row], ops.aHi[row], task);
    if (byte !== 0 && !readerLeft(u32[word + task], byte)) return false;
  }
  return true;
}

function lockOperation(kind: number, word: number, task: number, result: { lo: number }): void {
  switch (kind) {
    case Kind.MUTEX_LOCK:
    case Kind.SPIN_LOCK:
      u32[word] = task + 1;
      return;
    case Kind.MUTEX_TRYLOCK:
      result.lo = u32[word] === 0 ? 1 : 0;
      if (result.lo === 1) u32[word] = task + 1;
      return;
    case Kind.MUTEX_UNLOCK:
    case Kind.SPIN_UNLOCK:
    case Kind.WRITE_UNLOCK:
      u32[word] = 0;
      return;
    case Kind.READ_LOCK:
      u32[word]++;
      return;
    case Kind.READ_UNLOCK:
      u32[word]--;
      return;
    case Kind.WRITE_QUEUE:
      u32[word + 1]++;
      return;
    case Kind.WRITE_LOCK:
      u32[word] = WRITER;
      if (u32[word + 1] > 0) u32[word + 1]--;
      return;
    default:
  }
}

function srcuOperation(kind: number, word: number, task: number, result: { lo: number; hi: number }): void {
  if (task > MAX_TASKS)
    throw new RangeError(`an SRCU domain has room for ${MAX_TASKS} tasks; this is task ${task}`);
  if (kind === Kind.SRCU_LOCK) {
    const state = u32[word + task];
    u32[word + task] = (state & DEPTH_MASK) === 0 ? state + 0x101 : state + 1;
    result.lo = 0;
  } else if (kind === Kind.SRCU_UNLOCK) {
    u32[word + task]--;
  } else if (kind === Kind.SRCU_BEGIN) {
    result.lo = result.hi = 0;
    for (let reader = 1; reader <= MAX_TASKS; reader++) {
      const state = u32[word + reader];
      if ((state & DEPTH_MASK) === 0) continue;
      const byte = 0x80 | ((state >>> 8) & 0x7f);
      if (reader <= 4) result.lo = (result.lo | (byte << ((reader - 1) * 8))) >>> 0;
      else result.hi = (result.hi | (byte << ((reader - 5) * 8))) >>> 0;
    }
  }
}
