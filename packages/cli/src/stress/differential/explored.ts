/** One bundle of the two that are compared: the explorer, and the system built for it. */
import { explore } from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';
import { sequenceScenario } from '@faultline/scenarios/sequence';

export { sequenceScenario };

/** The text of each final state, and whatever else was reported. */
export function finalStates(scenario: AnyScenario): { finals: Set<string>; findings: string[] } {
  const { finals, findings, bounds } = explore(scenario, { bounds: { maxExecutions: 1000 } });
  return {
    finals: new Set(finals.keys()),
    findings: [...findings.map((finding) => JSON.stringify(finding)), ...bounds.map(({ bound }) => bound)],
  };
}
