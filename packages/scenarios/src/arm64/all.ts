import type { AnyScenario } from '@faultline/machine';
import { auditScenarios } from './audit.ts';
import { freedTwice } from './freed-twice.ts';
import {
  blockAndPage,
  faultedFrameUsed,
  loggingStarts,
  oldFrameUsed,
  unmappedFrameUsed,
  writeNotLogged,
} from './guest-frames.ts';
import { destroyedBetweenChunks, mappedTwice } from './rwlock-form.ts';
import {
  accessFaultInFreedTable,
  harvestInFreedTable,
  harvestInReplacedSlots,
  slotForgotten,
} from './taken-alone.ts';
import { tornDown } from './torn-down.ts';
import { useThroughTlb, useUnnoticed } from './use-unnoticed.ts';

/** Scenarios of arm64's stage-2 tables. */
export const arm64Scenarios: readonly AnyScenario[] = [
  ...auditScenarios,
  freedTwice,
  faultedFrameUsed,
  unmappedFrameUsed,
  oldFrameUsed,
  blockAndPage,
  writeNotLogged,
  loggingStarts,
  useUnnoticed,
  useThroughTlb,
  destroyedBetweenChunks,
  mappedTwice,
  accessFaultInFreedTable,
  harvestInFreedTable,
  slotForgotten,
  harvestInReplacedSlots,
  tornDown,
];
