import type { AnyScenario } from '@faultline/machine';
import { staleVcpuState, staleVmState } from './stale-vcpu-state.ts';

/** Scenarios of area `apicv`. */
export const apicvScenarios: readonly AnyScenario[] = [staleVcpuState, staleVmState];
