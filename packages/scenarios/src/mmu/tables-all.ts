import type { AnyScenario } from '@faultline/machine';
import { freedFrameMarked } from './freed-frame-marked.ts';
import { frozenEntryOverwritten } from './frozen-entry-overwritten.ts';
import { hugeLeafOutlivesItsPage, hugePageMappedTooLate } from './huge-page-of-the-host.ts';
import { rootFreedUnderANotifier } from './root-freed-under-a-notifier.ts';
import { rootSurvivesItsSlot } from './root-survives-its-slot.ts';
import { tableFreedUnderAWalker } from './table-freed-under-a-walker.ts';
import { tableRecoveredUnderAVcpu, tableRemovedUnderAVcpu } from './table-removed-under-a-vcpu.ts';
import { tableReplacedByAHugePage } from './table-replaced-by-a-huge-page.ts';
import { readOnlyPageWritten, unmappedPageWritten } from './unmapped-page-written.ts';
import { yieldLeavesTranslation } from './yield-leaves-translation.ts';

/** Scenarios about the tables themselves: roots, frozen entries, freeing, yielding. */
export const mmuTableScenarios: readonly AnyScenario[] = [
  rootSurvivesItsSlot,
  freedFrameMarked,
  tableFreedUnderAWalker,
  rootFreedUnderANotifier,
  tableRemovedUnderAVcpu,
  tableRecoveredUnderAVcpu,
  frozenEntryOverwritten,
  yieldLeavesTranslation,
  unmappedPageWritten,
  readOnlyPageWritten,
  hugeLeafOutlivesItsPage,
  hugePageMappedTooLate,
  tableReplacedByAHugePage,
];
