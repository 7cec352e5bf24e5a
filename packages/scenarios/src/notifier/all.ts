import type { AnyScenario } from '@faultline/machine';
import { frameWrittenThroughTlb, freedFrameMapped } from './freed-frame-written.ts';

/** Scenarios of area `notifier`. */
export const notifierScenarios: readonly AnyScenario[] = [freedFrameMapped, frameWrittenThroughTlb];
