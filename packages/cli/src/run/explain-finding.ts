/** The simplest execution that shows a finding: diagram, every event, token. */
import {
  encodeToken,
  type Finding,
  formatDiagram,
  minimise,
  replay,
  type Schedule,
  type Trace,
  tokenContents,
} from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';
import { type BrokenRule, LOCK_RULE } from '../locks/rules-broken.ts';
import { recordingOf } from '../report/recording.ts';
import { traceText } from '../report/trace.ts';
import type { CheckJob, FoundFinding } from './job.ts';

export type Explained = Pick<
  FoundFinding,
  'diagram' | 'trace' | 'token' | 'contents' | 'switches' | 'effort' | 'arenaHash' | 'recording'
>;

/** `effort`: look for a simpler execution than the one at hand. */
export function explain(job: CheckJob, scenario: AnyScenario, finding: Finding, effort: boolean): Explained {
  const { model } = job;
  // A picture for a page is the same on every machine, however busy: its effort is counted, not timed.
  const limits =
    typeof job.explain === 'object'
      ? { timeMs: Number.POSITIVE_INFINITY, maxExecutions: PICTURE_EXECUTIONS }
      : {};
  const stepsOff = [...job.without];
  const simplest = effort ? minimise(scenario, finding, { stepsOff, model, ...limits }) : null;
  const trace = simplest?.trace ?? replay(scenario, finding.schedule, { stepsOff, model }).trace;
  const shown = simplest?.finding ?? finding;
  const how = { stepsOff, variant: job.variant };
  const token = encodeToken(scenario, trace, how);
  return {
    diagram: diagram(job, trace, shown),
    trace: traceText(trace),
    token: token ?? '',
    contents: token === null ? JSON.stringify(tokenContents(scenario, trace, how)) : '',
    switches: switchesOf(trace),
    effort: simplest?.summary ?? 'as first met',
    arenaHash: trace.arenaHash,
    ...(job.recording === true ? { recording: recordingOf(trace, shown) } : {}),
  };
}

/** An execution up to the moment at which a lock is asked for against a rule. */
export function explainPrefix(
  job: CheckJob,
  scenario: AnyScenario,
  { text, request, thread, schedule }: Pick<BrokenRule, 'text' | 'request' | 'thread' | 'schedule'>,
): Explained {
  const stepsOff = [...job.without];
  const { trace } = replay(scenario, schedule, { stepsOff, model: job.model });
  const how = { stepsOff, variant: job.variant };
  const token = encodeToken(scenario, trace, how);
  const finding = asFinding(text, thread, request, schedule);
  return {
    diagram: diagram(job, trace, finding),
    trace: traceText(trace),
    token: token ?? '',
    contents: token === null ? JSON.stringify(tokenContents(scenario, trace, how)) : '',
    switches: switchesOf(trace),
    effort: 'as first met',
    arenaHash: trace.arenaHash,
    ...(job.recording === true ? { recording: recordingOf(trace, finding) } : {}),
  };
}

/** In the form in which diagrams are drawn: one side, at the end. */
export function asFinding(message: string, thread: string, doing: string, schedule: Schedule): Finding {
  const sides = [{ thread, doing, path: [] }];
  return { kind: LOCK_RULE, claim: '', message, sides, waits: [], cycle: [], schedule, executions: 1 };
}

/** Executions at most that a simpler one than the first is looked for in. */
const PICTURE_EXECUTIONS = 5000;

const ROWS = 20;
const FEWEST_ROWS = 6;

/** Rows that only keep the books give way until the lines fit. */
function diagram(job: CheckJob, trace: Trace, finding: Finding): string {
  for (let rows = ROWS; ; rows--) {
    const text = formatDiagram(trace, finding, { title: titleOf(job), rows });
    if (job.lines === undefined || rows === FEWEST_ROWS || text.split('\n').length <= job.lines) return text;
  }
}

/** Scenario and what was changed, as the title of a diagram. */
export function titleOf({
  scenario,
  without,
  variant,
}: Pick<CheckJob, 'scenario' | 'without' | 'variant'>): string {
  const changes = [
    variant === '' ? '' : `with ${variant}`,
    without.length === 0 ? '' : `without ${without.join(', ')}`,
  ];
  const text = changes.filter((change) => change !== '').join('; ');
  return text === '' ? scenario : `${scenario} (${text})`;
}

function switchesOf({ events }: Trace): number {
  return events.filter(({ thread }, i) => i > 0 && events[i - 1]?.thread !== thread).length;
}
