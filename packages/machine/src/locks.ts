/**
 * Locks as fields of structs. Each word pair in the arena is 0 when the lock is free:
 * word 0 is the owner (task + 1), the number of readers, or WRITER; word 1 counts waiters (threads) or queued writers.
 */
import { Kind } from './op.ts';
import * as platform from './platform.ts';
import type { Step } from './step.ts';
import type { FieldInfo, ObjectField } from './struct.ts';
import type { Task } from './task.ts';

/** Word 0 of a rwlock that is held for write. */
export const WRITER = 0xffff_ffff;

/** What a lock does to its context: a sleeping lock may not be taken where a spinning one is held. */
export type LockFlavor = 'mutex' | 'spinlock' | 'raw_spinlock' | 'rwlock';

/** struct mutex. Sleeps. */
export class Mutex {
  constructor(
    readonly addr: number,
    readonly info: FieldInfo,
  ) {}
  /** mutex_lock() */
  lock(step?: Step): Task {
    return platform.lockOp(Kind.MUTEX_LOCK, this.addr, step);
  }
  /** mutex_trylock(): 1 if taken. */
  tryLock(step?: Step): Task<number> {
    return platform.lockOp<number>(Kind.MUTEX_TRYLOCK, this.addr, step);
  }
  /** mutex_unlock() */
  unlock(step?: Step): Task {
    return platform.lockOp(Kind.MUTEX_UNLOCK, this.addr, step);
  }
}

/** spinlock_t, raw_spinlock_t. Preemption is off while it is held. */
export class SpinLock {
  constructor(
    readonly addr: number,
    readonly info: FieldInfo,
  ) {}
  /** spin_lock() */
  lock(step?: Step): Task {
    return platform.lockOp(Kind.SPIN_LOCK, this.addr, step);
  }
  /** spin_lock() of a lock that is to be taken with interrupts off: they stay as they are. */
  lockWithIrqsOn(step?: Step): Task {
    return platform.lockOp(Kind.SPIN_LOCK, this.addr, step, true);
  }
  /** spin_unlock() */
  unlock(step?: Step): Task {
    return platform.lockOp(Kind.SPIN_UNLOCK, this.addr, step);
  }
}

/** rwlock_t. Readers share it. */
export class RwLock {
  constructor(
    readonly addr: number,
    readonly info: FieldInfo,
    readonly fair: boolean,
  ) {}
  /** read_lock() */
  readLock(step?: Step): Task {
    return platform.lockOp(Kind.READ_LOCK, this.addr, step);
  }
  /** read_lock() of a lock that is to be taken with interrupts off: they stay as they are. */
  readLockWithIrqsOn(step?: Step): Task {
    return platform.lockOp(Kind.READ_LOCK, this.addr, step, true);
  }
  /** write_lock() of such a lock. Not for a fair one. */
  writeLockWithIrqsOn(step?: Step): Task {
    return platform.lockOp(Kind.WRITE_LOCK, this.addr, step, true);
  }
  /** read_unlock() */
  readUnlock(step?: Step): Task {
    return platform.lockOp(Kind.READ_UNLOCK, this.addr, step);
  }
  /** write_lock(). If the lock is fair, the writer queues first and new readers wait behind it. */
  *writeLock(step?: Step): Task {
    if (this.fair) yield* platform.lockOp(Kind.WRITE_QUEUE, this.addr, step);
    yield* platform.lockOp(Kind.WRITE_LOCK, this.addr, step);
  }
  /** write_unlock() */
  writeUnlock(step?: Step): Task {
    return platform.lockOp(Kind.WRITE_UNLOCK, this.addr, step);
  }
}

function lockField<L>(
  label: LockFlavor | 'fair rwlock' | 'rw_semaphore',
  make: (addr: number, info: FieldInfo) => L,
): ObjectField<L> {
  return {
    size: 8,
    align: 8,
    label,
    codec: null,
    inner: null,
    count: 1,
    plain: false,
    accessors: null,
    make,
  };
}

export const mutex = lockField<Mutex>('mutex', (addr, info) => new Mutex(addr, info));
export const spinlock = lockField<SpinLock>('spinlock', (addr, info) => new SpinLock(addr, info));
export const rawSpinlock = lockField<SpinLock>('raw_spinlock', (addr, info) => new SpinLock(addr, info));
export const rwlock = lockField<RwLock>('rwlock', (addr, info) => new RwLock(addr, info, false));
/** rwlock_t as qrwlock: a queued writer stops new readers. */
export const fairRwlock = lockField<RwLock>('fair rwlock', (addr, info) => new RwLock(addr, info, true));
/** struct rw_semaphore: the same, and sleeps. */
export const rwSemaphore = lockField<RwLock>('rw_semaphore', (addr, info) => new RwLock(addr, info, true));
