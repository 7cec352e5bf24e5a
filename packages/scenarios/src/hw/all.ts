import type { AnyScenario } from '@faultline/machine';
import { enabledTwice, startingCpuMissesCount, startingCpuSleeps, twoRounds } from './atomic-contexts.ts';
import {
  cpuGoesDown,
  cpuGoesDownBefore,
  cpuGoesDownSince,
  newCpuMissed,
  newCpuMissedBefore,
  newCpuMissedSince,
} from './cpu-not-enabled.ts';
import { hostSleeps, hostSleepsBefore, hostSleepsSince } from './host-sleeps.ts';
import {
  createFailsHalfway,
  createFailsHalfwaySince,
  lockedCpuComesUp,
  lockedCpuComesUpBefore,
  lockedCpuComesUpSince,
  twoVmsBefore,
  twoVmsKvmLock,
  twoVmsSince,
  vmFdClosed,
} from './users-counted.ts';

/** Scenarios of virtualization being enabled and disabled on the CPUs of the host. */
export const hwScenarios: readonly AnyScenario[] = [
  newCpuMissed,
  newCpuMissedSince,
  newCpuMissedBefore,
  cpuGoesDown,
  cpuGoesDownSince,
  cpuGoesDownBefore,
  twoVmsKvmLock,
  twoVmsSince,
  twoVmsBefore,
  createFailsHalfway,
  createFailsHalfwaySince,
  lockedCpuComesUp,
  lockedCpuComesUpSince,
  lockedCpuComesUpBefore,
  vmFdClosed,
  startingCpuSleeps,
  startingCpuMissesCount,
  enabledTwice,
  twoRounds,
  hostSleeps,
  hostSleepsBefore,
  hostSleepsSince,
];
