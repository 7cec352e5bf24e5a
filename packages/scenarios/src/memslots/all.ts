import type { AnyScenario } from '@faultline/machine';
import { decisionOutsideReadSection } from './decision-outside-read-section.ts';
import { deletedSlotStillUsed } from './deleted-slot-still-used.ts';
import { dirtyBitInFreedBitmap } from './dirty-bit-in-freed-bitmap.ts';
import { failedUpdateLosesSlot } from './failed-update-loses-slot.ts';
import { invalidateEndFindsNewSlot, invalidateEndFindsNoSlot } from './invalidate-end-finds-no-slot.ts';
import { ioctlOfAnotherProcess } from './ioctl-of-another-process.ts';
import { mappingLeftAfterDelete } from './mapping-left-after-delete.ts';
import { movedPageTakenForMmio } from './moved-page-taken-for-mmio.ts';
import { notifierMeetsAnUpdate } from './notifier-meets-an-update.ts';
import { runMissesHotpluggedMemory } from './run-misses-hotplugged-memory.ts';
import { staleMmioDecision } from './stale-mmio-decision.ts';
import { staleMmioDecisionInSpte } from './stale-mmio-decision-in-spte.ts';
import { staleMmioDecisionModern } from './stale-mmio-decision-modern.ts';

/** Scenarios of area `memslots`, the seed's own first. */
export const memslotsScenarios: readonly AnyScenario[] = [
  staleMmioDecision,
  staleMmioDecisionInSpte,
  staleMmioDecisionModern,
  decisionOutsideReadSection,
  deletedSlotStillUsed,
  mappingLeftAfterDelete,
  movedPageTakenForMmio,
  invalidateEndFindsNoSlot,
  invalidateEndFindsNewSlot,
  notifierMeetsAnUpdate,
  dirtyBitInFreedBitmap,
  failedUpdateLosesSlot,
  ioctlOfAnotherProcess,
  runMissesHotpluggedMemory,
];
