import type { AnyScenario } from '@faultline/machine';
import { agedWriteNotLogged, readPageLogged, writeAfterRestoreNotLogged } from './access-track-logging.ts';
import { dirtyBitLost } from './dirty-bit-lost.ts';
import { mmuEntryScenarios } from './entry-all.ts';
import { fixedOutsideTheLock, frameComesBack } from './fixed-outside-the-lock.ts';
import { movingHugeMemory } from './moving-huge-memory.ts';
import { movingMemory } from './moving-memory.ts';
import { pageTableLost } from './page-table-lost.ts';
import { correctedCondition, printedConditionOf2012, printedConditionOf2023 } from './printed-condition.ts';
import { mmuTableScenarios } from './tables-all.ts';
import { trackedSharedPageWritten } from './tracked-shared-page-written.ts';
import { firstWriteNotLogged, writeNotLogged } from './write-not-logged.ts';

/** Scenarios of area `mmu`. */
export const mmuScenarios: readonly AnyScenario[] = [
  dirtyBitLost,
  writeNotLogged,
  firstWriteNotLogged,
  fixedOutsideTheLock,
  frameComesBack,
  pageTableLost,
  movingMemory,
  movingHugeMemory,
  ...mmuEntryScenarios,
  ...mmuTableScenarios,
  agedWriteNotLogged,
  readPageLogged,
  trackedSharedPageWritten,
  writeAfterRestoreNotLogged,
  printedConditionOf2012,
  printedConditionOf2023,
  correctedCondition,
];
