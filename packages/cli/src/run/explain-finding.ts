/** The simplest execution that shows a finding: diagram, every event, token. */
import type { Finding } from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';
import type { CheckJob, FoundFinding } from './job.ts';

export type Explained = Pick<
  FoundFinding,
  'diagram' | 'trace' | 'token' | 'switches' | 'minimal' | 'arenaHash'
>;

export function explain(_job: CheckJob, _scenario: AnyScenario, _finding: Finding): Explained {
  return { diagram: '', trace: '', token: '', switches: 0, minimal: false, arenaHash: '' };
}
