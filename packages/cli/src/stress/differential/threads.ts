/** The other bundle: the threads platform, and the same system built for it. */
import type { AnyScenario } from '@faultline/machine';
import { sequenceScenario } from '@faultline/scenarios/sequence';
import { finalStatesAlone } from '@faultline/threads/alone';

export { sequenceScenario };

export function finalStates(scenario: AnyScenario): { finals: Set<string>; findings: string[] } {
  return { finals: finalStatesAlone(scenario), findings: [] };
}
