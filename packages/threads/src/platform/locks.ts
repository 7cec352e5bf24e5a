/**
 * Lock operations on threads: the algorithms of the machine's futex.ts, and who holds what, so that a lock that is freed
 * by a stranger, or never, is reported.
 */
import {
  current,
  describe,
  Kind,
  LockWords,
  lockForRead,
  lockForWrite,
  lockWord,
  queueForWrite,
  type Task,
  unlockForRead,
  unlockForWrite,
  unlockWord,
} from '@faultline/machine';
import { BadUnlock, LeakedLock, Stuck } from './failures.ts';
import { beginWait } from './waiting.ts';

const MUTEX_SPINS = 50;
const SPINLOCK_SPINS = 2000;
const RWLOCK_SPINS = 200;

/** How a lock is held. */
const Held = { EXCLUSIVE: 1, READ: 2, WRITE: 3 } as const;
const MAX_HELD = 64;

const heldAddr = new Uint32Array(MAX_HELD);
const heldMode = new Uint8Array(MAX_HELD);
let heldCount = 0;
/** The fair rwlock that this thread has announced itself at, 0 for none. */
let queuedAt = 0;

/** Carries out the lock operation `kind`; the result is that of MUTEX_TRYLOCK, else undefined. */
export function lockOperation(kind: number, addr: number): number | undefined {
  const lock = LockWords.at(addr);
  switch (kind) {
    case Kind.MUTEX_LOCK:
      return lockExclusive(lock, MUTEX_SPINS);
    case Kind.SPIN_LOCK:
      return lockExclusive(lock, SPINLOCK_SPINS);
    case Kind.MUTEX_TRYLOCK: {
      const taken = done(lock.word.cmpxchg(0, current.task + 1)) === 0;
      if (taken) hold(addr, Held.EXCLUSIVE);
      return taken ? 1 : 0;
    }
    case Kind.MUTEX_UNLOCK:
    case Kind.SPIN_UNLOCK:
      release(addr, Held.EXCLUSIVE);
      return done(unlockWord(lock)) as undefined;
    case Kind.READ_LOCK:
      refuseIfHeld(addr, Held.WRITE);
      beginWait();
      done(lockForRead(lock, RWLOCK_SPINS));
      return hold(addr, Held.READ);
    case Kind.READ_UNLOCK:
      release(addr, Held.READ);
      return done(unlockForRead(lock)) as undefined;
    case Kind.WRITE_QUEUE:
      queuedAt = addr;
      return done(queueForWrite(lock)) as undefined;
    case Kind.WRITE_LOCK:
      return lockExclusiveWriter(lock);
    case Kind.WRITE_UNLOCK:
      release(addr, Held.WRITE);
      return done(unlockForWrite(lock)) as undefined;
    default:
      throw new Error(`operation kind ${kind} is not a lock operation`);
  }
}

/** A new thread begins: it holds nothing. */
export function forgetHeld(): void {
  heldCount = 0;
  queuedAt = 0;
}

/** Throws if the thread that ends here holds a lock. */
export function refuseLeaks(): void {
  if (heldCount === 0) return;
  const names = Array.from(heldAddr.subarray(0, heldCount), (addr) => describe(addr).text);
  throw new LeakedLock(`the thread ends and still holds ${names.join(', ')}`);
}

function lockExclusive(lock: LockWords, spins: number): undefined {
  refuseIfHeld(lock.addr, Held.EXCLUSIVE);
  beginWait();
  done(lockWord(lock, current.task + 1, spins));
  hold(lock.addr, Held.EXCLUSIVE);
}

function lockExclusiveWriter(lock: LockWords): undefined {
  const queued = queuedAt === lock.addr;
  queuedAt = 0;
  refuseIfHeld(lock.addr, 0);
  beginWait();
  done(lockForWrite(lock, queued, RWLOCK_SPINS));
  hold(lock.addr, Held.WRITE);
}

/** `mode` 0: held in any mode. */
function refuseIfHeld(addr: number, mode: number): void {
  for (let i = 0; i < heldCount; i++) {
    if (heldAddr[i] !== addr || (mode !== 0 && heldMode[i] !== mode)) continue;
    throw new Stuck(`waits for the lock ${describe(addr).text} that it holds itself`);
  }
}

function hold(addr: number, mode: number): undefined {
  if (heldCount === MAX_HELD) throw new RangeError(`a thread holds at most ${MAX_HELD} locks`);
  heldAddr[heldCount] = addr;
  heldMode[heldCount++] = mode;
}

function release(addr: number, mode: number): void {
  for (let i = heldCount - 1; i >= 0; i--) {
    if (heldAddr[i] !== addr || heldMode[i] !== mode) continue;
    heldCount--;
    heldAddr.copyWithin(i, i + 1, heldCount + 1);
    heldMode.copyWithin(i, i + 1, heldCount + 1);
    return;
  }
  throw new BadUnlock(`unlocks ${describe(addr).text}, which this thread does not hold in that mode`);
}

/** The threads build erased the generators, so what a task function returns is its result. */
function done<T>(task: Task<T>): T {
  return task as unknown as T;
}
