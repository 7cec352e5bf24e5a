/** The scenarios of area xen. */
import type { AnyScenario } from '@faultline/machine';
import { evtchnDeadlock, twoSlowSenders, workUnderKvmLock } from './evtchn-deadlock.ts';

export const xenScenarios = [
  evtchnDeadlock,
  workUnderKvmLock,
  twoSlowSenders,
] as unknown as readonly AnyScenario[];
