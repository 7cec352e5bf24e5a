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
import { vcpuCountedBeforeItIsThere } from './vcpu-counted-before-it-is-there.ts';

/** Scenarios of area `lifetime`. */
export const lifetimeScenarios: readonly AnyScenario[] = [
  vcpuCountedBeforeItIsThere,
  childRunsVm,
  deviceClosedEarly,
  vcpuRunEarly,
  endNotHeard,
  memoryNeverFreed,
  memoryNeverFreedMmget,
  killedWhileVcpuRuns,
  usedWhileProcessEnds,
];
