/** The scenarios of area xen. */
import type { AnyScenario } from '@faultline/machine';
import { cacheEndedUnderANotifier } from './cache-ended.ts';
import { cacheNotOnTheList, cacheOfAnotherPage } from './cache-of-another-page.ts';
import {
  eventLostAsPageIsMapped,
  eventLostAsPageMoves,
  upcallLostAsPageMoves,
} from './event-lost-as-page-moves.ts';
import {
  eventInFreedFrame,
  eventLostAsPageIsRemapped,
  eventLostInOldMemory,
  upcallLostAsPageIsRemapped,
} from './event-lost-in-old-page.ts';
import { evtchnDeadlock, twoSlowSenders, workUnderKvmLock } from './evtchn-deadlock.ts';
import {
  guestFindsNothing,
  notedWordDropped,
  pollerSleepsOn,
  timerLost,
  vcpuSleepsOn,
} from './guest-finds-nothing.ts';
import {
  hypercallPageDeadlock,
  timerDeadlock,
  vcpuAttributeDeadlock,
  vcpuAttributeReadDeadlock,
} from './other-paths.ts';
import {
  eventForTheOldVcpu,
  portAssignedTwice,
  portClosedUnderASend,
  portsResetUnderASend,
  recordFreedUnderAnUpdate,
  tableFreedUnderALookup,
  updateForgotten,
} from './port-table.ts';

export const xenScenarios = [
  evtchnDeadlock,
  workUnderKvmLock,
  twoSlowSenders,
  eventLostAsPageMoves,
  eventLostAsPageIsMapped,
  upcallLostAsPageMoves,
  eventLostInOldMemory,
  eventLostAsPageIsRemapped,
  upcallLostAsPageIsRemapped,
  eventInFreedFrame,
  guestFindsNothing,
  vcpuSleepsOn,
  notedWordDropped,
  pollerSleepsOn,
  timerLost,
  portClosedUnderASend,
  portsResetUnderASend,
  tableFreedUnderALookup,
  recordFreedUnderAnUpdate,
  portAssignedTwice,
  updateForgotten,
  eventForTheOldVcpu,
  cacheOfAnotherPage,
  cacheNotOnTheList,
  cacheEndedUnderANotifier,
  timerDeadlock,
  vcpuAttributeDeadlock,
  vcpuAttributeReadDeadlock,
  hypercallPageDeadlock,
] as unknown as readonly AnyScenario[];
