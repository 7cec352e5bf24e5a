import type { AnyScenario } from '@faultline/machine';
import {
  flushLeavesAVcpuInTheGuest,
  flushTrustsAnotherFlush,
  frameWrittenWithAllLevelsReal,
} from './flush-leaves-a-vcpu-in-the-guest.ts';
import { flushShowsMoreThanAbstract, twoFlushers } from './flush-shows-more-than-abstract.ts';
import { flushSkipped } from './flush-skipped.ts';
import { flushWaitsForEver } from './flush-waits-for-ever.ts';
import { kickedVcpuSleepsOn, kickLost } from './kick-lost.ts';
import { shadowPageFreedUnderAWalk } from './shadow-page-freed-under-a-walk.ts';
import { oneOfTwoInterruptsLost, requestLostBesideAFlush } from './two-senders.ts';

/** Scenarios of vCPU entry, requests, kicks and remote flushes. */
export const mmuEntryScenarios: readonly AnyScenario[] = [
  flushLeavesAVcpuInTheGuest,
  flushTrustsAnotherFlush,
  frameWrittenWithAllLevelsReal,
  flushWaitsForEver,
  kickLost,
  kickedVcpuSleepsOn,
  oneOfTwoInterruptsLost,
  requestLostBesideAFlush,
  shadowPageFreedUnderAWalk,
  flushSkipped,
  flushShowsMoreThanAbstract,
  twoFlushers,
];
