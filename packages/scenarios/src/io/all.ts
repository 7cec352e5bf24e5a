/** The scenarios of area io. */
import type { AnyScenario } from '@faultline/machine';
import { ackNotifierForgotten, ackNotifierUnlinked } from './ack-notifier-forgotten.ts';
import { busFreedUnderAVcpu } from './bus-freed-under-a-vcpu.ts';
import { busFreedUnderAVcpuReal } from './bus-freed-under-a-vcpu-real.ts';
import { coalescedWriteLost } from './coalesced-write-lost.ts';
import { datamatchMissed } from './datamatch-missed.ts';
import { deviceCalledAfterUnregister } from './device-called-after-unregister.ts';
import { deviceWriteSeenByUserSpace } from './device-write-seen-by-user-space.ts';
import { eventfdReferenceLost, eventNotCounted } from './eventfd-references.ts';
import { ioeventfdFreedUnderAVcpu } from './ioeventfd-freed-under-a-vcpu.ts';
import { ioeventfdFreedUnderAVcpuDoor } from './ioeventfd-freed-under-a-vcpu-door.ts';
import { irqchipMadeTwice } from './irqchip-made-twice.ts';
import { rangesMoveUnderAVcpu } from './ranges-move-under-a-vcpu.ts';
import { registrationLost } from './registration-lost.ts';
import { ringOverrun } from './ring-overrun.ts';
import { staleCookieCallsAnotherDevice } from './stale-cookie-calls-another-device.ts';
import { strandedDeviceStillRunning } from './stranded-device-still-running.ts';
import { zoneListWalkedAfterFailure } from './zone-list-walked-after-failure.ts';

export const ioScenarios = [
  busFreedUnderAVcpu,
  deviceCalledAfterUnregister,
  strandedDeviceStillRunning,
  rangesMoveUnderAVcpu,
  registrationLost,
  irqchipMadeTwice,
  ackNotifierForgotten,
  ackNotifierUnlinked,
  eventfdReferenceLost,
  eventNotCounted,
  ioeventfdFreedUnderAVcpu,
  staleCookieCallsAnotherDevice,
  datamatchMissed,
  deviceWriteSeenByUserSpace,
  coalescedWriteLost,
  ringOverrun,
  zoneListWalkedAfterFailure,
  busFreedUnderAVcpuReal,
  ioeventfdFreedUnderAVcpuDoor,
] as unknown as readonly AnyScenario[];
