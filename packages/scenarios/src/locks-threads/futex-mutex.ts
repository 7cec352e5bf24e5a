import { lockWord, never, scenario, unlockWord } from '@faultline/machine';
import { addOne, isFree, type Parking, parkingMachine, someoneSlept } from './parking.ts';

/**
 * The mutex of the threads platform. A waiter counts itself, looks at the word once more, and sleeps on the value it saw;
 * whoever unlocks frees the word and then looks at the count. Each does its own part first and looks at the other's second,
 * so at least one of them sees the other, and nobody sleeps on a lock that is free. One sleeper is woken at a time: the third
 * thread is there to sleep beside the second.
 */
export const futexMutexLostWakeup = scenario('locks/futex-mutex-lost-wakeup', {
  title: 'a thread sleeps on a mutex that is free, or two hold it',
  source: 'packages/machine/src/futex.ts',
  size: '3 threads, one section each',
  defends: [
    'locks.take_word',
    'locks.take_word_after_wait',
    'locks.count_the_waiter',
    'locks.wake_a_sleeper',
  ],
  setup: parkingMachine,
  threads: {
    *first(m: Parking) {
      yield* addOne(m, 1, 0);
    },
    *second(m: Parking) {
      yield* addOne(m, 2, 0);
    },
    *third(m: Parking) {
      yield* addOne(m, 3, 0);
    },
  },
  always: {
    'one thread at a time is inside': (_, m) => m.value.peek() === 3,
    'nobody sleeps for ever': never('deadlock'),
    'the lock is free at the end': (_, m) => isFree(m),
  },
  sometimes: { 'a waiter sleeps': (_, m) => someoneSlept(m) },
  final: (m) => m.value.peek(),
});

/** The same mutex around plain memory: what one holder wrote, the next one sees. */
export const futexMutexStaleRead = scenario('locks/futex-mutex-stale-read', {
  title: 'a holder does not see what the holder before it wrote',
  source: 'packages/machine/src/futex.ts',
  size: '2 threads, one section each',
  defends: ['locks.free_word'],
  setup: parkingMachine,
  threads: {
    *first(m: Parking) {
      return yield* addPlain(m, 1);
    },
    *second(m: Parking) {
      return yield* addPlain(m, 2);
    },
  },
  always: {
    'sections are ordered': never('data race'),
    'one of them sees the other': ({ results }) => results.first + results.second === 3,
  },
  sometimes: { 'the second is first': ({ results }) => results.second === 1 },
});

function* addPlain(m: Parking, me: number) {
  yield* lockWord(m.parking.lock, me, 0);
  m.plain = m.plain + 1;
  const seen = m.plain;
  yield* unlockWord(m.parking.lock);
  return seen;
}
