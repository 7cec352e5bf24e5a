import {
  lockForRead,
  lockForWrite,
  never,
  queueForWrite,
  scenario,
  unlockForRead,
  unlockForWrite,
} from '@faultline/machine';
import { isFree, type Parking, parkingMachine, someoneSlept, someoneSleptInQueue } from './parking.ts';

/** The fair rwlock of the threads platform: once a writer has queued, readers that come later go after it. */
export const fairRwlockWriterOvertaken = scenario('locks/fair-rwlock-writer-overtaken', {
  title: 'a reader that comes after a queued writer goes before it',
  source: 'packages/machine/src/futex.ts',
  size: '1 writer, 1 reader',
  defends: ['locks.wait_behind_queued_writers'],
  setup: parkingMachine,
  threads: {
    *writer({ parking, flag, value }: Parking) {
      yield* queueForWrite(parking.lock);
      yield* flag.storeRelease(1);
      yield* lockForWrite(parking.lock, true, 0);
      yield* value.writeOnce(1);
      yield* unlockForWrite(parking.lock);
    },
    *reader({ parking, flag, value }: Parking) {
      const queued = yield* flag.loadAcquire();
      yield* lockForRead(parking.lock, 0);
      const seen = yield* value.readOnce();
      yield* unlockForRead(parking.lock);
      return { queued, seen };
    },
  },
  always: {
    'a reader that comes after the queued writer sees what it wrote': ({ results: { reader } }) =>
      reader.queued === 0 || reader.seen === 1,
    'nobody sleeps for ever': never('deadlock'),
    'the lock is free at the end': (_, m) => isFree(m),
  },
  sometimes: {
    'the reader comes first': ({ results: { reader } }) => reader.seen === 0,
    'the reader sleeps behind the queue': (_, m) => someoneSleptInQueue(m),
  },
});

/**
 * Readers sleep on the queue, not on the lock's word: the word may be free before the queued writer has had it and after,
 * and a reader that slept on "free" would sleep for ever. So the writer, when it has the word, sends them on.
 */
export const fairRwlockLostWakeup = scenario('locks/fair-rwlock-lost-wakeup', {
  title: 'a reader sleeps behind a queue that is empty',
  source: 'packages/machine/src/futex.ts',
  size: '1 writer, 2 readers',
  defends: ['locks.wake_readers_of_the_queue'],
  setup: parkingMachine,
  threads: {
    *writer({ parking }: Parking) {
      yield* queueForWrite(parking.lock);
      yield* lockForWrite(parking.lock, true, 0);
      yield* unlockForWrite(parking.lock);
    },
    *reader({ parking }: Parking) {
      yield* lockForRead(parking.lock, 0);
      yield* unlockForRead(parking.lock);
    },
    *other({ parking }: Parking) {
      yield* lockForRead(parking.lock, 0);
      yield* unlockForRead(parking.lock);
    },
  },
  always: {
    'nobody sleeps for ever': never('deadlock'),
    'the lock is free at the end': (_, m) => isFree(m),
  },
  sometimes: {
    'a reader sleeps behind the queue': (_, m) => someoneSleptInQueue(m),
    'somebody sleeps on the word': (_, m) => someoneSlept(m),
  },
});
