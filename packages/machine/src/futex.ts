/**
 * @area locks
 *
 * How the threads platform makes its locks from two words: the fast paths are one cmpxchg, who has to wait counts
 * himself and sleeps in the kernel on the word that he saw (futex(2), Atomics.wait). Written as tasks, so that the very
 * same text runs on threads and is proved on the explorer (scenarios `locks/futex-*`).
 *
 * word      0 free; a mutex or spinlock: the holder; a rwlock: how many readers, or WRITER
 * waiters   0 when nobody waits; low half: queued writers of a fair rwlock, high half: everyone else who waits
 */
import { array, cell32, embed } from './fields.ts';
import { WRITER } from './locks.ts';
import * as platform from './platform.ts';
import { at } from './step.ts';
import { struct, type ViewType } from './struct.ts';
import type { Task } from './task.ts';

/** The two words of any lock. */
export const LockWords = struct('lock_words', { word: cell32, waiters: cell32 }, { as: 'lock' });
export type LockWords = ViewType<typeof LockWords>;

/** A lock of a scenario about these algorithms: behind the words stand the sleepers that the explored `park` keeps. */
export const ParkingLock = struct(
  'parking_lock',
  { lock: embed(LockWords), asleep: array(cell32, 2) },
  { as: 'parking' },
);

const SLEEPER = 0x1_0000;
const QUEUED_WRITERS = 0xffff;

/** Takes a mutex or a spinlock for `me` (not 0), after `spins` looks at a lock that is taken. */
export function* lockWord(lock: LockWords, me: number, spins: number): Task {
  if ((yield* lock.word.cmpxchg(0, me, at('locks.take_word'))) === 0) return;
  for (let i = 0; i < spins; i++) {
    const holder = yield* lock.word.readOnce();
    if (holder === 0 && (yield* lock.word.cmpxchg(0, me, at('locks.take_word_after_spin'))) === 0) return;
  }
  // From here on whoever unlocks sees that somebody may sleep. Counted before the word is looked at again: pairs with
  // the exchange in unlockWord(), so that either he sees the count or we see the lock free.
  count_the_waiter: yield* lock.waiters.fetchAdd(SLEEPER);
  for (;;) {
    const holder = yield* lock.word.readOnce();
    if (holder !== 0) yield* platform.park(lock.word.addr, holder);
    else if ((yield* lock.word.cmpxchg(0, me, at('locks.take_word_after_wait'))) === 0) break;
  }
  count_the_waiter: yield* lock.waiters.fetchAdd(-SLEEPER);
}

/** Frees a mutex or a spinlock. */
export function* unlockWord(lock: LockWords): Task {
  // Fully ordered: the section ends before the word is free, and it is free before we look for sleepers. The first half
  // pairs with the cmpxchg that takes the word next, the second with count_the_waiter. smp_store_mb() has no first half.
  yield* lock.word.xchg(0, at('locks.free_word'));
  if ((yield* lock.waiters.readOnce()) === 0) return;
  // One is enough: whoever takes the lock now counts as the next to unlock, and looks for the sleepers that remain.
  wake_a_sleeper: yield* platform.unpark(lock.word.addr, false);
}

/** Takes a rwlock for read. Waits for a writer that holds it, and behind writers that queue for it. */
export function* lockForRead(lock: LockWords, spins: number): Task {
  for (let i = 0; i <= spins; i++) {
    if (yield* tryRead(lock)) return;
  }
  count_the_reader: yield* lock.waiters.fetchAdd(SLEEPER);
  for (;;) {
    const waiters = yield* lock.waiters.readOnce();
    // Sleeps on the queue, not on the word: the word may be free here before and after the writer had it.
    wait_behind_queued_writers: if ((waiters & QUEUED_WRITERS) !== 0) {
      yield* platform.park(lock.waiters.addr, waiters);
      continue;
    }
    const holders = yield* lock.word.readOnce();
    if (holders === WRITER) yield* platform.park(lock.word.addr, holders);
    else if ((yield* lock.word.cmpxchg(holders, holders + 1, at('locks.add_reader_after_wait'))) === holders)
      break;
  }
  count_the_reader: yield* lock.waiters.fetchAdd(-SLEEPER);
}

/** Leaves a rwlock that was taken for read; the last reader wakes who waits for the lock. */
export function* unlockForRead(lock: LockWords): Task {
  if ((yield* lock.word.fetchAdd(-1, at('locks.drop_reader'))) !== 1) return;
  if ((yield* lock.waiters.readOnce()) === 0) return;
  last_reader_wakes: yield* platform.unpark(lock.word.addr, true);
}

/** Announces a writer of a fair rwlock: from here on new readers wait. Then lockForWrite(lock, true). */
export function* queueForWrite(lock: LockWords): Task {
  yield* lock.waiters.fetchAdd(1);
}

/** Takes a rwlock for write. `queued`: after queueForWrite(). */
export function* lockForWrite(lock: LockWords, queued: boolean, spins: number): Task {
  for (let i = 0; i <= spins; i++) {
    if ((yield* lock.word.cmpxchg(0, WRITER, at('locks.take_for_write'))) !== 0) continue;
    if (queued) yield* leaveQueue(lock);
    return;
  }
  count_the_writer: if (!queued) yield* lock.waiters.fetchAdd(SLEEPER);
  for (;;) {
    const holders = yield* lock.word.readOnce();
    if (holders !== 0) yield* platform.park(lock.word.addr, holders);
    else if ((yield* lock.word.cmpxchg(0, WRITER, at('locks.take_for_write_after_wait'))) === 0) break;
  }
  count_the_writer: if (!queued) yield* lock.waiters.fetchAdd(-SLEEPER);
  if (queued) yield* leaveQueue(lock);
}

/** Frees a rwlock that was taken for write. */
export function* unlockForWrite(lock: LockWords): Task {
  // Fully ordered, as in unlockWord(). Pairs with count_the_reader and count_the_writer.
  yield* lock.word.xchg(0, at('locks.free_from_writer'));
  if ((yield* lock.waiters.readOnce()) === 0) return;
  // All: several readers may go on at once.
  writer_wakes_all: yield* platform.unpark(lock.word.addr, true);
}

function* tryRead(lock: LockWords): Task<boolean> {
  const waiters = yield* lock.waiters.readOnce();
  wait_behind_queued_writers: if ((waiters & QUEUED_WRITERS) !== 0) return false;
  const holders = yield* lock.word.readOnce();
  if (holders === WRITER) return false;
  return (yield* lock.word.cmpxchg(holders, holders + 1, at('locks.add_reader'))) === holders;
}

/** The writer has the word now: readers that slept behind the queue go to sleep on the word instead. */
function* leaveQueue(lock: LockWords): Task {
  const waiters = yield* lock.waiters.fetchAdd(-1);
  if (waiters < SLEEPER) return;
  wake_readers_of_the_queue: yield* platform.unpark(lock.waiters.addr, true);
}
