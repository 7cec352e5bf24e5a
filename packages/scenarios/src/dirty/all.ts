import type { AnyScenario } from '@faultline/machine';
import { emulatedWriteMissed } from './emulated-write-missed.ts';
import { hardwareLogMissed } from './hardware-log.ts';
import { liveMigrations } from './live-migration.ts';
import { logOracles } from './log-oracle.ts';
import { agedPageAtStart, initiallySetPageLost, loggingStops, writeMissedAtStart } from './logging-starts.ts';
import { copiedBeforeRingReset, ringEntryTorn, ringOverrun, writeAfterRingReset } from './ring.ts';
import { trackedPageWritten } from './tracked-page-written.ts';
import { secondWriter, writeAfterCopy } from './write-after-copy.ts';
import {
  bitsGoneBeforeCleared,
  writtenWhileCleared,
  writtenWhileClearedPml,
} from './written-while-cleared.ts';

/** Scenarios of area `dirty`. */
export const dirtyScenarios: readonly AnyScenario[] = [
  writeAfterCopy,
  secondWriter,
  writtenWhileCleared,
  writtenWhileClearedPml,
  bitsGoneBeforeCleared,
  hardwareLogMissed,
  writeMissedAtStart,
  agedPageAtStart,
  initiallySetPageLost,
  loggingStops,
  trackedPageWritten,
  writeAfterRingReset,
  copiedBeforeRingReset,
  ringEntryTorn,
  ringOverrun,
  emulatedWriteMissed,
  ...logOracles,
  ...liveMigrations,
];
