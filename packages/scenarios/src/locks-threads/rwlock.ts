import { never, scenario } from '@faultline/machine';
import { isFree, type Parking, parkingMachine, read, someoneSlept, write } from './parking.ts';

const source = 'packages/machine/src/futex.ts';

/**
 * The rwlock of the threads platform: the word counts readers or says WRITER. The last reader and the writer each wake
 * all who sleep, since several readers may go on together.
 */
export const rwlockWriterBesideReader = scenario('locks/rwlock-writer-beside-reader', {
  title: 'a reader is inside together with the writer, or one of them sleeps on a free rwlock',
  source,
  size: '1 reader, 1 writer with two sections',
  defends: [
    'locks.add_reader',
    'locks.add_reader_after_wait',
    'locks.take_for_write',
    'locks.free_from_writer',
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
    *writer(m: Parking) {
      yield* write(m);
      yield* write(m);
    },
  },
  always: {
    'no reader is inside with the writer, and each sees what went before': never('data race'),
    'nobody sleeps for ever': never('livelock'),
  },
  sometimes: {
    'somebody sleeps': (_, m) => someoneSlept(m),
    'the reader is between the two sections': ({ results }) => results.reader === 1,
  },
  final: (m) => ({ value: m.value, free: isFree(m) }),
});

/** Readers come and go beside each other: none is forgotten in the count, and none stays in it. */
export const rwlockReaderMiscounted = scenario('locks/rwlock-reader-miscounted', {
  title: 'the count of readers is not 0 after the last has left',
  source,
  size: '2 readers',
  defends: ['locks.drop_reader'],
  setup: parkingMachine,
  threads: {
    *reader(m: Parking) {
      return yield* read(m);
    },
    *other(m: Parking) {
      return yield* read(m);
    },
  },
  always: { 'the lock is free at the end': (_, m) => isFree(m) },
  sometimes: {},
});

/** Two writers: what one finds after it has slept is decided by its cmpxchg, not by what it saw. */
export const rwlockTwoWriters = scenario('locks/rwlock-two-writers', {
  title: 'two writers are inside at once',
  source,
  size: '2 writers, two sections and one',
  defends: ['locks.take_for_write_after_wait'],
  setup: parkingMachine,
  threads: {
    *twice(m: Parking) {
      yield* write(m);
      yield* write(m);
    },
    *once(m: Parking) {
      yield* write(m);
    },
  },
  always: {
    'one writer at a time is inside, and sees what the one before it did': never('data race'),
  },
  sometimes: { 'somebody sleeps': (_, m) => someoneSlept(m) },
  final: (m) => ({ value: m.value, free: isFree(m) }),
});

/** All of it together: two readers, of which either may be the last, and a writer. */
export const rwlockThreeAtOnce = scenario('locks/rwlock-three-at-once', {
  title: 'two readers and a writer on one rwlock',
  source,
  size: '2 readers, 1 writer',
  deep: true,
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
    'no reader is inside with the writer, and each sees what went before': never('data race'),
    'nobody sleeps for ever': never('livelock'),
    'the lock is free at the end': (_, m) => isFree(m),
  },
  sometimes: {
    'somebody sleeps': (_, m) => someoneSlept(m),
    'one reader is before the writer, one after': ({ results }) => results.reader !== results.other,
  },
});
