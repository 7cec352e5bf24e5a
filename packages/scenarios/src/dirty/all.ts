import type { AnyScenario } from '@faultline/machine';
import { emulatedWriteMissed } from './emulated-write-missed.ts';
import { hardwareLogMissed } from './hardware-log.ts';
import { hugePageBack, writeLostAtStop } from './huge-page-back.ts';
import {
  bothSplit,
  hugePageAtStart,
  neighbourMissedByHardware,
  neighbourNotLogged,
  splitPageAtStart,
  splitPageForgotten,
} from './huge-pages.ts';
import { secondHugePage, secondSplitPage } from './huge-pages-cleared.ts';
import { liveMigrations } from './live-migration.ts';
import { logOracles } from './log-oracle.ts';
import { agedPageAtStart, initiallySetPageLost, loggingStops, writeMissedAtStart } from './logging-starts.ts';
import { neighbourBitLost } from './neighbour-bit-lost.ts';
import { copiedBeforeRingReset, ringEntryTorn, ringOverrun, writeAfterRingReset } from './ring.ts';
import { ringBesideANewVcpu } from './ring-beside-a-new-vcpu.ts';
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
  hugePageAtStart,
  splitPageAtStart,
  neighbourNotLogged,
  splitPageForgotten,
  neighbourMissedByHardware,
  bothSplit,
  secondHugePage,
  secondSplitPage,
  hugePageBack,
  writeLostAtStop,
  writeAfterRingReset,
  copiedBeforeRingReset,
  ringEntryTorn,
  ringOverrun,
  ringBesideANewVcpu,
  emulatedWriteMissed,
  neighbourBitLost,
  ...logOracles,
  ...liveMigrations,
];
