/** The machine of the scenarios about the threads platform's own locks: one lock with its sleepers, and what it protects. */
import {
  cell32,
  embed,
  type LockWords,
  lockForRead,
  lockForWrite,
  lockWord,
  ParkingLock,
  struct,
  type Task,
  u32Field,
  unlockForRead,
  unlockForWrite,
  unlockWord,
  type ViewType,
} from '@faultline/machine';

const Parking = struct(
  'parking_machine',
  {
    parking: embed(ParkingLock),
    /** What the lock protects: plain memory, so that two sections that overlap, or are not ordered, are a data race. */
    value: u32Field,
    /** What one thread tells another besides. */
    flag: cell32,
  },
  { as: 'm' },
);
export type Parking = ViewType<typeof Parking>;

export function* parkingMachine(): Task<Parking> {
  const m = Parking.alloc();
  yield* m.flag.writeOnce(0);
  return m;
}

/** One section under the mutex (`spins` 0) or spinlock; returns what the section left. */
export function* addOne(m: Parking, me: number, spins: number): Task<number> {
  yield* lockWord(m.parking.lock, me, spins);
  m.value = m.value + 1;
  const left = m.value;
  yield* unlockWord(m.parking.lock);
  return left;
}

/** One section under the rwlock, for read. */
export function* read(m: Parking): Task<number> {
  yield* lockForRead(m.parking.lock, 0);
  const seen = m.value;
  yield* unlockForRead(m.parking.lock);
  return seen;
}

/** One section under the rwlock, for write. */
export function* write(m: Parking, queued = false): Task {
  yield* lockForWrite(m.parking.lock, queued, 0);
  m.value = m.value + 1;
  yield* unlockForWrite(m.parking.lock);
}

/** At the end: nobody holds the lock, and nobody is counted as waiting for it. */
export function isFree({ parking }: Parking): boolean {
  const { word, waiters }: LockWords = parking.lock;
  return word.peek() === 0 && waiters.peek() === 0;
}

/** True if some thread fell asleep on the lock's word. Only the explorer records it. */
export function someoneSlept({ parking }: Parking): boolean {
  return parking.asleep.at(0).peek() >>> 16 !== 0;
}

/** True if some thread fell asleep behind queued writers. Only the explorer records it. */
export function someoneSleptInQueue({ parking }: Parking): boolean {
  return parking.asleep.at(1).peek() >>> 16 !== 0;
}
