import type { AnyScenario } from '@faultline/machine';
import {
  agedPageDropped,
  droppedEntry,
  postponedFlush,
  replacedEntry,
  updateLosesDirtyBit,
  upperEntryWritten,
} from './entry-dropped.ts';
import { gfnAlias, gfnAliasHeld, gfnAliasMerged } from './gfn-alias-aba.ts';
import { guestEntryOverwritten } from './guest-entry-overwritten.ts';
import {
  dirtyBitLost,
  dirtyBitLostReal,
  freedFrameMapped,
  mappingLeft,
  noFastPath,
  rootKept,
} from './mapping-left.ts';
import { movingTables } from './moving-tables.ts';
import {
  foundOutOfStep,
  linkedOutOfStep,
  rootReclaimed,
  syncMissesAWrite,
  tableChangedUnderAFault,
  unsyncCountLost,
  unsyncSeenTooLate,
  upperTableWritten,
  writtenByOne,
} from './table-written.ts';
import { writeAfterProtection } from './write-after-protection.ts';

/** Scenarios of area `shadow`. */
export const shadowScenarios: readonly AnyScenario[] = [
  writtenByOne,
  foundOutOfStep,
  linkedOutOfStep,
  rootReclaimed,
  tableChangedUnderAFault,
  syncMissesAWrite,
  unsyncSeenTooLate,
  unsyncCountLost,
  upperTableWritten,
  guestEntryOverwritten,
  freedFrameMapped,
  dirtyBitLost,
  dirtyBitLostReal,
  noFastPath,
  rootKept,
  mappingLeft,
  writeAfterProtection,
  droppedEntry,
  postponedFlush,
  replacedEntry,
  updateLosesDirtyBit,
  upperEntryWritten,
  agedPageDropped,
  gfnAlias,
  gfnAliasHeld,
  gfnAliasMerged,
  ...movingTables,
];
