import { never, scenario } from '@faultline/machine';
import { addOne, isFree, type Parking, parkingMachine } from './parking.ts';

/**
 * The spinlock of the threads platform: looks at the word before it tries again, so that spinning does not take the cache
 * line from the holder, and goes to sleep as the mutex does when that lasts too long. What it saw while it looked is old
 * by the time it tries: the cmpxchg decides.
 */
export const spinlockNotExclusive = scenario('locks/spinlock-not-exclusive', {
  title: 'a spinning thread takes a lock that another has taken in between',
  source: 'packages/machine/src/futex.ts',
  size: '2 threads, two sections and one',
  defends: ['locks.take_word_after_spin'],
  setup: parkingMachine,
  threads: {
    *twice(m: Parking) {
      yield* addOne(m, 1, 1);
      yield* addOne(m, 1, 1);
    },
    *once(m: Parking) {
      yield* addOne(m, 2, 1);
    },
  },
  always: {
    'one thread at a time is inside': (_, m) => m.value.peek() === 3,
    'nobody sleeps for ever': never('deadlock'),
    'the lock is free at the end': (_, m) => isFree(m),
  },
  sometimes: {},
  final: (m) => m.value.peek(),
});
