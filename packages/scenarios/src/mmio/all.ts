import type { AnyScenario } from '@faultline/machine';
import {
  ancientSpteAfterWrap,
  ancientSpteAfterWrap2014,
  ancientSpteAfterWrapInSmm,
} from './ancient-spte-after-wrap.ts';
import { cachedDecisionAfterPublish } from './cached-decision-after-publish.ts';
import { dummySlotChurn } from './dummy-slot-churn.ts';
import { oldSpteAfterPublish } from './old-spte-after-publish.ts';
import { pendingIoLost } from './pending-io-lost.ts';
import { smmAnswerOutsideSmm } from './smm-answer-outside-smm.ts';
import { transientSpteHits } from './transient-spte-hits.ts';
import { vcpuRunTwiceAtOnce } from './vcpu-run-twice-at-once.ts';

/** Scenarios of area `mmio`. */
export const mmioScenarios: readonly AnyScenario[] = [
  cachedDecisionAfterPublish,
  oldSpteAfterPublish,
  transientSpteHits,
  ancientSpteAfterWrap,
  ancientSpteAfterWrap2014,
  ancientSpteAfterWrapInSmm,
  smmAnswerOutsideSmm,
  dummySlotChurn,
  pendingIoLost,
  vcpuRunTwiceAtOnce,
];
