import { never, scenario } from '@faultline/machine';
import { addOne, isFree, type Parking, parkingMachine, someoneSlept } from './parking.ts';

/**
 * The spinlock of the threads platform: looks at the word before it tries again, so that spinning does not take the cache
 * line from the holder, and goes to sleep as the mutex does when that lasts too long. What it saw while it looked is old
 * by the time it tries: the cmpxchg decides.
 */
export const spinlockNotExclusive = scenario('locks/spinlock-not-exclusive', {
  title: 'a spinning thread takes a lock that another has taken in between',
  source: 'packages/machine/src/futex.ts',
  size: '2 threads, two sections and one, one spin',
  defends: ['locks.take_word_after_spin'],
  setup: parkingMachine,
  threads: {
    *twice(m: Parking) {
      yield* addOne(m, 1, 1);
      return yield* addOne(m, 1, 1);
    },
    *once(m: Parking) {
      return yield* addOne(m, 2, 1);
    },
  },
  always: {
    'one thread at a time is inside, and sees what the one before it did': never('data race'),
  },
  sometimes: {
    'the spin was not enough': (_, m) => someoneSlept(m),
    'the sections alternate': ({ results }) => results.once === 2,
  },
  final: (m) => ({ value: m.value, free: isFree(m) }),
});
