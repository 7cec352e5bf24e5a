import type { AnyScenario } from '@faultline/machine';
import {
  clockGoesBack,
  clockGoesBackInside,
  tornSnapshot,
  tornSnapshotInGuest,
  twoUpdates,
} from './clock-goes-back.ts';
import { countedTwice, createdTogether, unstableWritten, writtenTogether } from './offsets-differ.ts';

/** Scenarios of time-stamp counters and the master clock. */
export const tscScenarios: readonly AnyScenario[] = [
  createdTogether,
  writtenTogether,
  unstableWritten,
  countedTwice,
  clockGoesBack,
  tornSnapshot,
  tornSnapshotInGuest,
  twoUpdates,
  clockGoesBackInside,
];
