import type { AnyScenario } from '@faultline/machine';
import {
  childRunsVm,
  deviceClosedEarly,
  endNotHeard,
  memoryNeverFreed,
  memoryNeverFreedMmget,
  vcpuRunEarly,
} from './files-and-mms.ts';
import { killedWhileVcpuRuns, usedWhileProcessEnds } from './killed.ts';
import { vmReferenceLost } from './references-of-a-vm.ts';
import { vcpuCountedBeforeItIsThere } from './vcpu-counted-before-it-is-there.ts';
import { vcpuIdGivenTwice, vcpuReplaced } from './vcpus-made-at-once.ts';

/** Scenarios of area `lifetime`. */
export const lifetimeScenarios: readonly AnyScenario[] = [
  vcpuCountedBeforeItIsThere,
  vcpuIdGivenTwice,
  vcpuReplaced,
  vmReferenceLost,
  childRunsVm,
  deviceClosedEarly,
  vcpuRunEarly,
  endNotHeard,
  memoryNeverFreed,
  memoryNeverFreedMmget,
  killedWhileVcpuRuns,
  usedWhileProcessEnds,
];
