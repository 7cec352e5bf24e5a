import type { AnyScenario } from '@faultline/machine';
import { deliveryFindsNobodyAsleep, deliveryLost, notifiedOnTheWrongCpu } from './delivery-lost.ts';
import { deviceAttachedUnderASleeper, deviceDetachedUnderASleeper } from './device-comes-and-goes.ts';
import {
  postedInterruptLost,
  postedInterruptLostBefore,
  postLostBetweenCpus,
  postLostBetweenCpusBefore,
  secondPostLost,
  secondPostLostBefore,
  wakeUpSleepsUnderRt,
  wakeUpSleptUnderRt,
} from './posted-interrupt-lost.ts';
import { oneOfTwoDeliveriesLost } from './two-senders.ts';

/** Scenarios of posted interrupts. */
export const piScenarios: readonly AnyScenario[] = [
  postedInterruptLost,
  postLostBetweenCpus,
  secondPostLost,
  postedInterruptLostBefore,
  postLostBetweenCpusBefore,
  secondPostLostBefore,
  wakeUpSleepsUnderRt,
  wakeUpSleptUnderRt,
  deliveryLost,
  deliveryFindsNobodyAsleep,
  notifiedOnTheWrongCpu,
  oneOfTwoDeliveriesLost,
  deviceAttachedUnderASleeper,
  deviceDetachedUnderASleeper,
];
