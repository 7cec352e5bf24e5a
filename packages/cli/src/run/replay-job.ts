/** Runs the execution of a token again, step for step. */
import { type Finding, formatDiagram, programHash, replay } from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';
import { recordingOf } from '../report/recording.ts';
import { traceText } from '../report/trace.ts';
import { titleOf } from './explain-finding.ts';
import type { ReplayJob, ReplayResult } from './job.ts';

export function runReplay(job: ReplayJob, scenario: AnyScenario): ReplayResult {
  const { contents, scenario: name } = job;
  const { schedule, expect, stepsOff, variant, model } = contents;
  const { trace, findings, divergence } = replay(scenario, schedule, { stepsOff, expect, model });
  const same = programHash(scenario) === contents.program;
  const renamed = 'its threads or rules have other names now';
  return {
    kind: 'replay',
    scenario: name,
    exact: divergence === null && same,
    divergence: divergence?.message ?? (same ? '' : renamed),
    says: findings.map(headline).join('\n'),
    diagram: formatDiagram(trace, findings[0] ?? null, {
      title: titleOf({ scenario: name, without: stepsOff, variant }),
    }),
    trace: traceText(trace),
    arenaHash: trace.arenaHash,
    violated: findings.length > 0,
    ...(job.recording === true ? { recording: recordingOf(trace, findings[0] ?? null) } : {}),
  };
}

function headline({ kind, claim, message }: Finding): string {
  return kind === 'always' ? `falls: '${claim}'` : `${kind}: ${message}`;
}
