import { never, scenario } from '@faultline/machine';
import { addOne, isFree, type Parking, parkingMachine, someoneSlept } from './parking.ts';

const always = {
  'one thread at a time is inside, and sees what the one before it did': never('data race'),
  'nobody sleeps for ever': never('livelock'),
};

/**
 * The mutex of the threads platform. A waiter counts itself, looks at the word once more, and sleeps on the value it saw;
 * whoever unlocks frees the word and then looks at the count. Each does its own part first and looks at the other's second,
 * so at least one of them sees the other, and nobody sleeps on a lock that is free.
 */
export const futexMutexLostWakeup = scenario('locks/futex-mutex-lost-wakeup', {
  title: 'a thread sleeps on a mutex that is free, or two hold it',
  source: 'packages/machine/src/futex.ts',
  size: '2 threads, two sections and one',
  defends: [
    'locks.take_word',
    'locks.take_word_after_wait',
    'locks.free_word',
    'locks.count_the_waiter',
    'locks.wake_a_sleeper',
  ],
  setup: parkingMachine,
  threads: {
    *twice(m: Parking) {
      yield* addOne(m, 1, 0);
      return yield* addOne(m, 1, 0);
    },
    *once(m: Parking) {
      return yield* addOne(m, 2, 0);
    },
  },
  always,
  sometimes: {
    'a waiter sleeps': (_, m) => someoneSlept(m),
    'the sections alternate': ({ results }) => results.once === 2,
  },
  final: (m) => ({ value: m.value, free: isFree(m) }),
});

/** One sleeper is woken at a time, and that is enough: whoever takes the lock next looks for the others when it unlocks. */
export const futexMutexSleeperForgotten = scenario('locks/futex-mutex-sleeper-forgotten', {
  title: 'of two threads that sleep on a mutex only one is ever woken',
  source: 'packages/machine/src/futex.ts',
  size: '3 threads, one section each',
  deep: true,
  setup: parkingMachine,
  threads: {
    *first(m: Parking) {
      return yield* addOne(m, 1, 0);
    },
    *second(m: Parking) {
      return yield* addOne(m, 2, 0);
    },
    *third(m: Parking) {
      return yield* addOne(m, 3, 0);
    },
  },
  always,
  sometimes: {
    'a waiter sleeps': (_, m) => someoneSlept(m),
    'the third is first': ({ results }) => results.third === 1,
  },
  final: (m) => ({ value: m.value, free: isFree(m) }),
});
