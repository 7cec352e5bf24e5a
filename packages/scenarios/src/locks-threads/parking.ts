/** The machine of the scenarios about the threads platform's own locks: one lock with its sleepers, and what it protects. */
import {
  cell32,
  embed,
  lockWord,
  ParkingLock,
  struct,
  type Task,
  u32Field,
  unlockWord,
  type ViewType,
} from '@faultline/machine';

const Parking = struct(
  'parking_machine',
  {
    parking: embed(ParkingLock),
    /** Protected by the lock, read and written one access at a time. */
    value: cell32,
    /** Protected by the lock, read and written as plain memory. */
    plain: u32Field,
    /** What one thread tells another besides. */
    flag: cell32,
  },
  { as: 'm' },
);
export type Parking = ViewType<typeof Parking>;

export function* parkingMachine(): Task<Parking> {
  const m = Parking.alloc();
  yield* m.value.writeOnce(0);
  return m;
}

/** Adds one to the value under the lock: an addition is lost if two threads are inside at once. */
export function* addOne(m: Parking, me: number, spins: number): Task {
  yield* lockWord(m.parking.lock, me, spins);
  const seen = yield* m.value.readOnce();
  yield* m.value.writeOnce(seen + 1);
  yield* unlockWord(m.parking.lock);
}

/** At the end: nobody holds the lock, and nobody is counted as waiting for it. */
export function isFree({ parking }: Parking): boolean {
  return parking.lock.word.peek() === 0 && parking.lock.waiters.peek() === 0;
}

/** True if some thread fell asleep on the lock's word. Only the explorer records it. */
export function someoneSlept({ parking }: Parking): boolean {
  return parking.asleep.at(0).peek() >>> 16 !== 0;
}

/** True if some thread fell asleep behind queued writers. Only the explorer records it. */
export function someoneSleptInQueue({ parking }: Parking): boolean {
  return parking.asleep.at(1).peek() >>> 16 !== 0;
}
