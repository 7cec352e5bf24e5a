/**
 * x86-TSO: each thread has a first-in, first-out buffer of its own stores. A store goes into the buffer, which nobody else
 * sees; taking the oldest entry out and writing it to memory is a step of an auxiliary process, one a thread. A load
 * looks into the buffer of its own thread first. smp_mb() and locked instructions happen only when the buffer is empty.
 *
 * What x86 does for the other operations: this_cpu_add() is one instruction, but no locked one, so what it adds is buffered
 * as well, and added when it leaves the buffer: nobody else writes the word. spin_unlock() and write_unlock() are plain stores, so they are buffered; taking a
 * lock of any kind, mutex_unlock() and read_unlock() are locked instructions; smp_rmb() and smp_wmb() order nothing that
 * is not ordered already. The abstract SRCU and atomic sections are taken as fully ordered.
 */
import { Kind, MAX_LIST, MAX_TASKS, Order } from '@faultline/machine';
import type { MemoryModel } from './memory-model.ts';
import { OpTable } from './op-table.ts';
import { anyChangedWhere, awaited, ScModel } from './sc.ts';

/** Bits of an unsigned word hold which threads and flushers are unfinished. */
export const MAX_BUFFERED_THREADS = 15;

/** Whether an operation of a thread goes into its store buffer. */
export function isBuffered(kind: number, order: number): boolean {
  return (
    (kind === Kind.STORE && order !== Order.FULL) ||
    (kind === Kind.ADD && order === Order.PER_CPU) ||
    kind === Kind.SPIN_UNLOCK ||
    kind === Kind.WRITE_UNLOCK
  );
}

/** Whether an operation of a thread waits until its store buffer is empty. */
export function drains(kind: number, order: number): boolean {
  return (
    !isBuffered(kind, order) &&
    kind !== Kind.LOAD &&
    kind !== Kind.AWAIT &&
    kind !== Kind.RETRY &&
    kind !== Kind.CHOOSE
  );
}

export class TsoModel implements MemoryModel {
  readonly name = 'tso';
  readonly hasBuffers = true;
  readonly result: { lo: number; hi: number };
  private readonly memory: ScModel;
  /** Entries of each thread's buffer, oldest first. */
  private readonly buffers: Entry[][] = Array.from({ length: MAX_TASKS + 1 }, () => []);
  private readonly spare: Entry[] = [];

  constructor(
    private readonly threads: number,
    hideAdds = false,
  ) {
    if (threads > MAX_BUFFERED_THREADS) {
      throw new RangeError(
        `under x86-TSO a scenario has at most ${MAX_BUFFERED_THREADS} threads; this one has ${threads}`,
      );
    }
    this.memory = new ScModel(hideAdds);
    this.result = this.memory.result;
  }

  start(): void {
    for (const buffer of this.buffers) while (buffer.length > 0) this.spare.push(buffer.pop() as Entry);
  }

  enabled(ops: OpTable, row: number): boolean {
    const buffer = this.buffers[row];
    if (row >= this.threads || buffer.length === 0) return this.memory.enabled(ops, row);
    const kind = ops.kind[row];
    if (kind === Kind.AWAIT) {
      const own = newest(buffer, ops.addr[row]);
      return own === null ? this.memory.enabled(ops, row) : awaited(ops, row, own.lo, own.hi);
    }
    if (kind === Kind.RETRY) return this.anyChanged(ops, row, buffer);
    return !drains(kind, ops.order[row]);
  }

  execute(ops: OpTable, row: number, task: number, choice: number): void {
    const t = task - 1;
    const kind = ops.kind[row];
    if (t < 0) {
      this.memory.execute(ops, row, task, choice);
    } else if (t >= this.threads) {
      this.spare.push(this.buffers[t - this.threads].shift() as Entry);
      this.memory.execute(ops, row, task, choice);
    } else if (isBuffered(kind, ops.order[row])) {
      this.buffers[t].push(this.entry(ops, row));
    } else {
      const own = kind === Kind.LOAD || kind === Kind.AWAIT ? newest(this.buffers[t], ops.addr[row]) : null;
      if (own === null) {
        this.memory.execute(ops, row, task, choice);
        if (kind === Kind.LOAD) this.addPending(this.buffers[t], ops.addr[row]);
      } else {
        this.result.lo = own.lo;
        this.result.hi = own.hi;
      }
    }
  }

  /** Puts the oldest entry of thread `t` into the row of its flusher; false if there is none. */
  oldest(t: number, ops: OpTable, row: number): boolean {
    const entry = this.buffers[t][0];
    if (entry === undefined) return false;
    ops.copy(row, entry.op, 0);
    return true;
  }

  /** What this_cpu_add() has put into the buffer counts for the own thread. Such words have 32 bits. */
  private addPending(buffer: readonly Entry[], addr: number): void {
    for (const { op, lo } of buffer) {
      if (op.addr[0] === addr && op.kind[0] === Kind.ADD) this.result.lo = (this.result.lo + lo) >>> 0;
    }
  }

  private anyChanged(ops: OpTable, row: number, buffer: readonly Entry[]): boolean {
    const base = row * MAX_LIST;
    for (let k = base; k < base + ops.listLength[row]; k++) {
      const own = newest(buffer, ops.listAddr[k]);
      if (own === null) continue;
      if (own.lo !== ops.listLo[k] || (ops.listSize[k] === 8 && own.hi !== ops.listHi[k])) return true;
    }
    return anyChangedWhere(ops, row, (addr) => newest(buffer, addr) === null);
  }

  private entry(ops: OpTable, row: number): Entry {
    const entry = this.spare.pop() ?? new Entry();
    entry.op.copy(0, ops, row);
    return entry;
  }
}

/** A buffered store or unlock: the operation as its thread issued it. */
class Entry {
  readonly op = new OpTable(1);

  get lo(): number {
    return this.op.aLo[0];
  }

  get hi(): number {
    return this.op.aHi[0];
  }
}

/** The last store to `addr` in the buffer. An unlock is no value that its own thread could load. */
function newest(buffer: readonly Entry[], addr: number): Entry | null {
  for (let k = buffer.length - 1; k >= 0; k--) {
    if (buffer[k].op.addr[0] === addr && buffer[k].op.kind[0] === Kind.STORE) return buffer[k];
  }
  return null;
}
