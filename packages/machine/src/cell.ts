/**
 * Cells: words that more than one CPU accesses with visible operations. Each method is one operation of the memory
 * model, in the forms that the kernel distinguishes; the last argument names the operation as a step.
 */
import type { Codec } from './codec.ts';
import { decode, encode, halves, peek, poke } from './codec.ts';
import { Kind, Order, Until } from './op.ts';
import * as platform from './platform.ts';
import type { Step } from './step.ts';
import type { Task } from './task.ts';

/** One shared word of the arena. `T` is number, bigint, or a view for pointers. */
export class Cell<T> {
  constructor(
    readonly addr: number,
    readonly codec: Codec,
  ) {}

  /** READ_ONCE(). Gives no ordering. */
  readOnce(step?: Step): Task<T> {
    return platform.load(this.addr, this.codec, Order.ONCE, step);
  }

  /** smp_load_acquire(). Pairs with storeRelease, assign and full read-modify-writes. */
  loadAcquire(step?: Step): Task<T> {
    return platform.load(this.addr, this.codec, Order.ACQUIRE, step);
  }

  /** rcu_dereference(), srcu_dereference(): ordered against what the pointer leads to. Pairs with assign. */
  rcuDereference(step?: Step): Task<T> {
    return platform.load(this.addr, this.codec, Order.DEREFERENCE, step);
  }

  /** data_race(): an access that is racy on purpose. */
  dataRace(step?: Step): Task<T> {
    return platform.load(this.addr, this.codec, Order.RACY, step);
  }

  /** WRITE_ONCE(). Gives no ordering. */
  writeOnce(value: T, step?: Step): Task {
    return platform.modify(Kind.STORE, this.addr, this.codec, value, Order.ONCE, step);
  }

  /** smp_store_release(). Pairs with loadAcquire. */
  storeRelease(value: T, step?: Step): Task {
    return platform.modify(Kind.STORE, this.addr, this.codec, value, Order.RELEASE, step);
  }

  /** rcu_assign_pointer(): a release. Pairs with rcuDereference. */
  assign(value: T, step?: Step): Task {
    return platform.modify(Kind.STORE, this.addr, this.codec, value, Order.RELEASE, step);
  }

  /** smp_store_mb(): a store and a full barrier. */
  smpStoreMb(value: T, step?: Step): Task {
    return platform.modify(Kind.STORE, this.addr, this.codec, value, Order.FULL, step);
  }

  /** xchg(): returns the old value. Fully ordered. */
  xchg(value: T, step?: Step): Task<T> {
    return platform.modify(Kind.XCHG, this.addr, this.codec, value, Order.FULL, step);
  }

  /** cmpxchg(): returns the old value; it stored `next` if that equals `old`. Fully ordered on success, relaxed on failure. */
  cmpxchg(old: T, next: T, step?: Step): Task<T> {
    return platform.cmpxchg(this.addr, this.codec, old, next, Order.FULL, step);
  }

  /** atomic_fetch_add(): returns the old value. */
  fetchAdd(value: T, step?: Step): Task<T> {
    return platform.modify(Kind.ADD, this.addr, this.codec, value, Order.FULL, step);
  }

  /** this_cpu_add(): for words that only the own CPU writes. Gives no ordering, and on x86 waits in the store buffer. */
  thisCpuAdd(value: T, step?: Step): Task<T> {
    return platform.modify(Kind.ADD, this.addr, this.codec, value, Order.PER_CPU, step);
  }

  /** atomic_fetch_and(), test_and_clear_bit(): returns the old value. */
  fetchAnd(value: T, step?: Step): Task<T> {
    return platform.modify(Kind.AND, this.addr, this.codec, value, Order.FULL, step);
  }

  /** atomic_fetch_or(), test_and_set_bit(): returns the old value. */
  fetchOr(value: T, step?: Step): Task<T> {
    return platform.modify(Kind.OR, this.addr, this.codec, value, Order.FULL, step);
  }

  /** atomic_fetch_andnot(): returns the old value. */
  fetchAndnot(value: T, step?: Step): Task<T> {
    return platform.modify(Kind.ANDNOT, this.addr, this.codec, value, Order.FULL, step);
  }

  /** Waits until the cell equals `value` (after `mask`), as wait_event() would; returns what it saw. */
  awaitEqual(value: T, mask?: T, step?: Step): Task<T> {
    return platform.awaitCell(this.addr, this.codec, Until.EQ, value, mask, step);
  }

  /** Waits until the cell differs from `value` (after `mask`). */
  awaitDiffers(value: T, mask?: T, step?: Step): Task<T> {
    return platform.awaitCell(this.addr, this.codec, Until.NE, value, mask, step);
  }

  /** The value, without any event: for set-up, oracles, and inside an `atomically` section that lists this cell. */
  peek(): T {
    return peek(this.codec, this.addr) as T;
  }

  /** Writes without any event: for set-up, and inside an `atomically` section that lists this cell for writing. */
  poke(value: T): void {
    poke(this.codec, this.addr, value);
  }

  /** What `value` reads back as after a trip through the arena's bits. */
  normalize(value: T): T {
    encode(this.codec, value);
    return decode(this.codec, halves.lo, halves.hi) as T;
  }
}

/** A cell and the value that was read from it, for `retryAfterChange`. */
export type Seen = readonly [cell: Pick<Cell<unknown>, 'addr' | 'codec'>, value: unknown];

/**
 * Waits until one of the cells no longer holds the value that was read from it: how a lost cmpxchg, a RET_PF_RETRY or a
 * failed check tries again without spinning.
 */
export function retryAfterChange(seen: readonly Seen[], step?: Step): Task {
  const task = platform.listOp(Kind.RETRY, 0, step);
  for (let i = 0; i < seen.length; i++) {
    const [cell, value] = seen[i] as Seen;
    platform.listCell(cell.addr, cell.codec, value);
  }
  return platform.endList(task);
}

/** From here to the next visible operation, accesses by `peek` and `poke` to these cells happen at once. */
export function atomically(
  cells: readonly Pick<Cell<unknown>, 'addr' | 'codec'>[],
  mode: 'read' | 'write',
  step?: Step,
): Task {
  const task = platform.listOp(Kind.ATOMIC, mode === 'write' ? 1 : 0, step);
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i] as Pick<Cell<unknown>, 'addr' | 'codec'>;
    platform.listCell(cell.addr, cell.codec, undefined);
  }
  return platform.endList(task);
}

/** smp_mb(). */
export function smpMb(step?: Step): Task {
  return platform.fence(Order.MB, step);
}

/** smp_rmb(). Pairs with smpWmb. */
export function smpRmb(step?: Step): Task {
  return platform.fence(Order.RMB, step);
}

/** smp_wmb(). Pairs with smpRmb. */
export function smpWmb(step?: Step): Task {
  return platform.fence(Order.WMB, step);
}

/** smp_mb__after_atomic(), smp_mb__before_atomic(): nothing on x86, where every locked operation is a full barrier. */
export function smpMbAfterAtomic(step?: Step): Task {
  return platform.fence(Order.MB_AFTER_ATOMIC, step);
}

/** A choice that the environment makes: which of `n` outcomes (an allocation that fails, a CPU to run on). */
export function choose(text: string, n: number, step?: Step): Task<number> {
  return platform.choose(text, n, step);
}
