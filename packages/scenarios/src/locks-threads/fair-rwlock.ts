import { never, queueForWrite, scenario } from '@faultline/machine';
import { isFree, type Parking, parkingMachine, read, someoneSleptInQueue, write } from './parking.ts';

/**
 * The fair rwlock of the threads platform: once a writer has queued, readers that come later go after it. They sleep on the
 * queue, not on the lock's word: the word may be free before the queued writer has had it and after, and a reader that
 * slept on "free" would sleep for ever. So the writer, when it has the word, sends them on.
 */
export const fairRwlockWriterOvertaken = scenario('locks/fair-rwlock-writer-overtaken', {
  title: 'a reader that comes after a queued writer goes before it, or sleeps behind a queue that is empty',
  source: 'packages/machine/src/futex.ts',
  size: '1 writer, 1 reader with two sections',
  defends: ['locks.wait_behind_queued_writers', 'locks.wake_readers_of_the_queue'],
  setup: parkingMachine,
  threads: {
    *writer(m: Parking) {
      yield* queueForWrite(m.parking.lock);
      yield* m.flag.storeRelease(1);
      yield* write(m, true);
    },
    *reader(m: Parking) {
      const before = yield* read(m);
      const queued = yield* m.flag.loadAcquire();
      const after = yield* read(m);
      return { before, queued, after };
    },
  },
  always: {
    'a reader that comes after the queued writer sees what it wrote': ({ results: { reader } }) =>
      reader.queued === 0 || reader.after === 1,
    'no reader is inside with the writer': never('data race'),
    'nobody sleeps for ever': never('livelock'),
  },
  sometimes: {
    'the reader comes first both times': ({ results: { reader } }) => reader.after === 0,
    'the reader sleeps behind the queue': (_, m) => someoneSleptInQueue(m),
  },
  final: (m) => ({ value: m.value, free: isFree(m) }),
});
