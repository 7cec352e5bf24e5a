import {
  lockForRead,
  lockForWrite,
  never,
  scenario,
  type Task,
  unlockForRead,
  unlockForWrite,
} from '@faultline/machine';
import { isFree, type Parking, parkingMachine, someoneSlept } from './parking.ts';

/** While a writer is inside, the value is HALF; a reader must never find that. */
const HALF = 1;
const WHOLE = 2;

function* read({ parking, value }: Parking): Task<number> {
  yield* lockForRead(parking.lock, 0);
  const seen = yield* value.readOnce();
  yield* unlockForRead(parking.lock);
  return seen;
}

function* write({ parking, value }: Parking): Task {
  yield* lockForWrite(parking.lock, false, 0);
  yield* value.writeOnce(HALF);
  yield* value.writeOnce(WHOLE);
  yield* unlockForWrite(parking.lock);
}

/**
 * The rwlock of the threads platform: the word counts readers or says WRITER. The last reader and the writer each wake
 * all who sleep, since several readers may go on together.
 */
export const rwlockWriterBesideReader = scenario('locks/rwlock-writer-beside-reader', {
  title: 'a reader is inside together with the writer, or somebody sleeps on a free rwlock',
  source: 'packages/machine/src/futex.ts',
  size: '2 readers, 1 writer',
  defends: [
    'locks.add_reader',
    'locks.add_reader_after_wait',
    'locks.drop_reader',
    'locks.take_for_write',
    'locks.count_the_reader',
    'locks.count_the_writer',
    'locks.last_reader_wakes',
    'locks.writer_wakes_all',
  ],
  setup: parkingMachine,
  threads: {
    *reader(m: Parking) {
      return yield* read(m);
    },
    *other(m: Parking) {
      return yield* read(m);
    },
    *writer(m: Parking) {
      yield* write(m);
    },
  },
  always: {
    'no reader is inside with the writer': ({ results: { reader, other } }) =>
      reader !== HALF && other !== HALF,
    'nobody sleeps for ever': never('deadlock'),
    'the lock is free at the end': (_, m) => isFree(m),
  },
  sometimes: {
    'somebody sleeps': (_, m) => someoneSlept(m),
    'one reader is before the writer, one after': ({ results: { reader, other } }) => reader !== other,
  },
});

/** Two writers and a reader: what the writer finds after it has slept is decided by its cmpxchg, not by what it saw. */
export const rwlockTwoWriters = scenario('locks/rwlock-two-writers', {
  title: 'two writers are inside at once, or a holder does not see what the one before it wrote',
  source: 'packages/machine/src/futex.ts',
  size: '2 writers, 1 reader',
  defends: ['locks.take_for_write_after_wait', 'locks.free_from_writer'],
  setup: parkingMachine,
  threads: {
    *writer(m: Parking) {
      yield* lockForWrite(m.parking.lock, false, 0);
      m.plain = m.plain + 1;
      yield* unlockForWrite(m.parking.lock);
    },
    *other(m: Parking) {
      yield* lockForWrite(m.parking.lock, false, 0);
      m.plain = m.plain + 1;
      yield* unlockForWrite(m.parking.lock);
    },
    *reader(m: Parking) {
      yield* lockForRead(m.parking.lock, 0);
      const seen = m.plain;
      yield* unlockForRead(m.parking.lock);
      return seen;
    },
  },
  always: {
    'sections are ordered': never('data race'),
    'nobody sleeps for ever': never('deadlock'),
  },
  sometimes: {
    'somebody sleeps': (_, m) => someoneSlept(m),
    'the reader is between the writers': ({ results }) => results.reader === 1,
  },
  final: (m) => m.plain,
});
