/** Runs the execution of a token again, step for step. */
import { type Finding, formatDiagram, programHash, replay } from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';
import { brokenRules, LOCK_RULE } from '../locks/rules-broken.ts';
import { recordingOf } from '../report/recording.ts';
import { traceText } from '../report/trace.ts';
import { asFinding, titleOf } from './explain-finding.ts';
import type { ReplayJob, ReplayResult } from './job.ts';

export function runReplay(job: ReplayJob, scenario: AnyScenario): ReplayResult {
  const { contents, scenario: name } = job;
  const { schedule, expect, stepsOff, variant, model } = contents;
  const { trace, findings, divergence, locks } = replay(scenario, schedule, { stepsOff, expect, model });
  const same = programHash(scenario) === contents.program;
  const rules = brokenRules(locks, scenario);
  const [rule] = rules;
  const broken = rule === undefined ? null : asFinding(rule.text, rule.thread, rule.request, schedule);
  const shown = findings[0] ?? broken;
  const renamed = 'its threads or rules have other names now';
  return {
    kind: 'replay',
    scenario: name,
    exact: divergence === null && same,
    divergence: divergence?.message ?? (same ? '' : renamed),
    says: [...findings.map(headline), ...rules.map(({ text }) => `${LOCK_RULE}: ${text}`)].join('\n'),
    diagram: formatDiagram(trace, shown, {
      title: titleOf({ scenario: name, without: stepsOff, variant }),
    }),
    trace: traceText(trace),
    arenaHash: trace.arenaHash,
    violated: shown !== null,
    ...(job.recording === true ? { recording: recordingOf(trace, shown) } : {}),
  };
}

function headline({ kind, claim, message }: Finding): string {
  return kind === 'always' ? `falls: '${claim}'` : `${kind}: ${message}`;
}
