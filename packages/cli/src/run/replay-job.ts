/** Runs the execution of a token again. */
import type { AnyScenario } from '@faultline/machine';
import { UsageError } from '../exit.ts';
import type { ReplayJob, ReplayResult } from './job.ts';

export function runReplay(_job: ReplayJob, scenario: AnyScenario): ReplayResult {
  throw new UsageError(`${scenario.name}: cannot be replayed yet`);
}
