/** The scenarios of area locks. */
import type { AnyScenario } from '@faultline/machine';
import { deviceInterruptAtClose, deviceInterruptLost } from './device-interrupt.ts';
import { hotplugCycle, hotplugCycleOfReaders, vmListWalked } from './hotplug-cycle.ts';
import { ackEntersIoapicAgain, ackNotifierFreed, ackWaitsForIrqLock } from './irq-ack.ts';
import {
  halfARoute,
  irqfdKeepsOldRoute,
  kvmLockInsideIrqLock,
  routeFreedUnderADelivery,
  routeMissedByAssign,
  routingTableMissing,
} from './irq-routing.ts';
import {
  closedUnderAssign,
  deassignUnderKvmLock,
  eventLostInAssign,
  freedUnderAssign,
  routeOfADeadIrqfd,
  takenDownTwice,
  workOnFreedIrqfd,
  workOnFreedVm,
} from './irqfd-life.ts';
import {
  deviceFoundOutsideASection,
  sectionIndexOverwritten,
  slotFoundOutsideASection,
} from './lookup-outside-a-section.ts';
import {
  irqchipBesideAnIrqfd,
  notifierMeetsACache,
  notifierMeetsADevice,
  rootsReplaced,
} from './outer-locks.ts';
import { reaperSleeps, reclaimUnderMmuLock } from './reclaim-under-mmu-lock.ts';
import { irqfdFreedUnderAResample, levelLost, resamplerEndsAsOneJoins } from './resampler.ts';
import { rmapsMissing, rmapsTwice } from './rmaps-missing.ts';
import {
  deviceWaitsForSlotsLock,
  faultWaitsForSlotsLock,
  kvmLockInsideSlotsLock,
  sectionWaitsForVcpuMutex,
} from './section-waits-for-a-mutex.ts';

export const locksScenarios = [
  deviceWaitsForSlotsLock,
  faultWaitsForSlotsLock,
  sectionWaitsForVcpuMutex,
  kvmLockInsideSlotsLock,
  rmapsMissing,
  rmapsTwice,
  reclaimUnderMmuLock,
  slotFoundOutsideASection,
  deviceFoundOutsideASection,
  sectionIndexOverwritten,
  reaperSleeps,
  vmListWalked,
  hotplugCycle,
  hotplugCycleOfReaders,
  routingTableMissing,
  routeFreedUnderADelivery,
  irqfdKeepsOldRoute,
  halfARoute,
  routeMissedByAssign,
  freedUnderAssign,
  eventLostInAssign,
  closedUnderAssign,
  takenDownTwice,
  workOnFreedIrqfd,
  workOnFreedVm,
  deassignUnderKvmLock,
  ackNotifierFreed,
  ackWaitsForIrqLock,
  ackEntersIoapicAgain,
  routeOfADeadIrqfd,
  kvmLockInsideIrqLock,
  irqchipBesideAnIrqfd,
  notifierMeetsADevice,
  notifierMeetsACache,
  rootsReplaced,
  deviceInterruptLost,
  deviceInterruptAtClose,
  irqfdFreedUnderAResample,
  resamplerEndsAsOneJoins,
  levelLost,
] as unknown as readonly AnyScenario[];
