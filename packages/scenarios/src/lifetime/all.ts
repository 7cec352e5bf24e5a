import type { AnyScenario } from '@faultline/machine';
import { vcpuCountedBeforeItIsThere } from './vcpu-counted-before-it-is-there.ts';

/** Scenarios of area `lifetime`. */
export const lifetimeScenarios: readonly AnyScenario[] = [vcpuCountedBeforeItIsThere];
