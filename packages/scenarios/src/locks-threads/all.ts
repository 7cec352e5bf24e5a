import type { AnyScenario } from '@faultline/machine';
import { fairRwlockWriterOvertaken } from './fair-rwlock.ts';
import { futexMutexLostWakeup, futexMutexSleeperForgotten } from './futex-mutex.ts';
import {
  rwlockReaderMiscounted,
  rwlockThreeAtOnce,
  rwlockTwoWriters,
  rwlockWriterBesideReader,
} from './rwlock.ts';
import { spinlockNotExclusive } from './spinlock.ts';

/** Scenarios of area `locks` about the locks that the threads platform is made of. */
export const locksThreadsScenarios: readonly AnyScenario[] = [
  futexMutexLostWakeup,
  futexMutexSleeperForgotten,
  spinlockNotExclusive,
  rwlockWriterBesideReader,
  rwlockReaderMiscounted,
  rwlockTwoWriters,
  rwlockThreeAtOnce,
  fairRwlockWriterOvertaken,
];
