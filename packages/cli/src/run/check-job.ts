/** Explores one scenario and says what came of it in plain data. */
import { type BoundHit, type Exploration, explore, type Finding, type SiteUse } from '@faultline/explore';
import {
  type AnyScenario,
  allSteps,
  finalStateText,
  forgetReached,
  type Outcome,
  stepById,
} from '@faultline/machine';
import { asLockdep } from '../locks/as-lockdep.ts';
import { type BrokenRule, brokenRules, LOCK_RULE, rowOf } from '../locks/rules-broken.ts';
import { compare, hashOfStates, racesOf } from './compare.ts';
import { type Explained, explain, explainPrefix } from './explain-finding.ts';
import {
  type CheckJob,
  type CheckResult,
  type FoundFinding,
  type Progress,
  type SiteRow,
  STOPPED,
} from './job.ts';
import { count } from './progress.ts';

export interface Hooks {
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** Throws UnknownStepError for a step that does not exist. */
export function runCheck(job: CheckJob, given: AnyScenario, hooks: Hooks): CheckResult {
  const scenario = job.robust === true ? robustly(given, job) : given;
  if (job.reached === true) forgetReached();
  const exploration = runOne(job, scenario, hooks);
  const result = resultOf(job, scenario, exploration);
  if (job.reached === true)
    return { ...result, reached: reachedSteps(), sites: exploration.sites.map(siteOf) };
  const other = job.compare === true && job.robust !== true ? scenario.compareWith : undefined;
  if (other === undefined) return result;
  return { ...result, comparison: compare(exploration, runOne(job, other, hooks)) };
}

function runOne(job: CheckJob, scenario: AnyScenario, hooks: Hooks): Exploration {
  const { mode, model, without, bounds } = job;
  const { maxSteps, maxExecutions, time } = bounds;
  return explore(scenario, {
    mode,
    model,
    stepsOff: [...without],
    siteUses: job.reached === true,
    bounds: {
      ...(maxSteps === undefined ? {} : { maxSteps }),
      ...(maxExecutions === undefined ? {} : { maxExecutions }),
      ...(time === undefined ? {} : { timeMs: time }),
    },
    signal: hooks.signal,
    onProgress: ({ executions, ms, done }) =>
      hooks.onProgress({
        scenario: scenario.name,
        executions,
        ms,
        estimate: done > 0 ? Math.round(executions / done) : 0,
      }),
  });
}

/** The scenario with one rule: that it ends as some execution under sequential consistency does. */
function robustly(scenario: AnyScenario, { without, bounds }: CheckJob): AnyScenario {
  const { maxExecutions } = bounds;
  const { finals, bounds: hit } = explore(scenario, {
    stepsOff: [...without],
    bounds: maxExecutions === undefined ? {} : { maxExecutions },
  });
  if (hit.length > 0)
    throw new Error(
      `${scenario.name}: a bound was hit under sequential consistency; nothing to compare with`,
    );
  const final = scenario.final as ((state: unknown) => unknown) | undefined;
  const isKnown = ({ results }: Outcome<unknown>, state: unknown) =>
    finals.has(finalStateText(results as Record<string, unknown>, final?.(state)));
  return { ...scenario, always: { [ROBUST]: isKnown as never }, sometimes: {}, benign: [] };
}

function reachedSteps(): string[] {
  return allSteps().flatMap(({ name, reached }) => (reached ? [name] : []));
}

function siteOf({ step, ...use }: SiteUse): SiteRow {
  return { step: stepById(step)?.name ?? '', ...use };
}

const ROBUST = 'ends as some execution under sequential consistency does';

function resultOf(job: CheckJob, scenario: AnyScenario, exploration: Exploration): CheckResult {
  const { counts, findings } = exploration;
  const { locks } = exploration;
  const rules = job.robust === true ? [] : brokenRules(locks, scenario);
  return {
    kind: 'check',
    scenario: scenario.name,
    title: scenario.title,
    size: scenario.size ?? sizeOf(scenario),
    source: scenario.source,
    verdict: rules.length > 0 ? 'violated' : exploration.verdict,
    expected: job.robust !== true && scenario.expect === 'violated',
    model: exploration.model,
    mode: job.mode,
    without: job.without,
    variant: job.variant,
    complete: counts.complete,
    deadlocked: counts.deadlocked,
    blocked: counts.blocked,
    truncated: counts.truncated,
    stopped: counts.stopped,
    maxDepth: counts.maxDepth,
    steps: counts.steps,
    states: exploration.finals.size,
    observations: exploration.observations,
    ms: counts.ms,
    bounds: exploration.bounds.map(boundText),
    always: hitsOf(exploration.always),
    sometimes: hitsOf(exploration.sometimes),
    races: racesOf(scenario, exploration),
    statesHash: hashOfStates(exploration),
    ...(job.finals === true ? { finals: [...exploration.finals.keys()].sort() } : {}),
    findings: [
      ...findings.map((_, i) => found(job, scenario, exploration, i)),
      ...rules.map((rule) => ruleFinding(job, scenario, rule)),
    ],
    ...(job.locks === true ? { locks: locks.map(rowOf) } : {}),
  };
}

/** A rule of a document that is broken: how often is not counted, what breaks it is shown once. */
function ruleFinding(job: CheckJob, scenario: AnyScenario, rule: BrokenRule): FoundFinding {
  const { key, says } = rule;
  const plain = { kind: LOCK_RULE, name: key, says, executions: 0 };
  if (job.explain !== true) return { ...plain, ...UNEXPLAINED };
  return { ...plain, ...explainPrefix(job, scenario, rule) };
}

/** Findings that a simpler execution is looked for; the rest are shown as they were first met. */
const SIMPLIFIED = 4;

function found(
  job: CheckJob,
  scenario: AnyScenario,
  { findings, locks }: Exploration,
  i: number,
): FoundFinding {
  const finding = findings[i] as Finding;
  const { kind, claim, message, executions } = finding;
  const report = asLockdep(finding, locks);
  const plain = {
    kind,
    name: claim,
    says: details(finding, message),
    executions,
    ...(report.length > 0 ? { lockdep: report.join('\n') } : {}),
  };
  const wanted = typeof job.explain === 'object' ? job.explain.diagramOf === claim : job.explain;
  if (!wanted || finding.schedule.threads.length === 0) return { ...plain, ...UNEXPLAINED };
  return { ...plain, ...explain(job, scenario, finding, i < SIMPLIFIED) };
}

const UNEXPLAINED: Explained = {
  diagram: '',
  trace: '',
  token: '',
  contents: '',
  switches: 0,
  effort: '',
  arenaHash: '',
};

/** The message, then who does what where, outermost call first. */
function details({ sides, waits, cycle }: Finding, message: string): string {
  const lines = /^(not always|never happens): /.test(message) ? [] : [message];
  for (const { thread, doing, path } of sides) {
    lines.push(`${thread}: ${doing}`);
    for (const { fn, file, line } of path) lines.push(`  ${fn} (${file}:${line})`);
  }
  for (const { thread, operation, resource, holders } of waits) {
    const by = holders.length > 0 ? `, which ${holders.join(' and ')} would have to end` : '';
    lines.push(`${thread} waits in ${operation} for ${resource}${by}`);
  }
  if (cycle.length > 0) lines.push(`cycle: ${[...cycle, cycle[0]].join(' -> ')}`);
  return lines.join('\n');
}

function boundText({ bound, limit, executions }: BoundHit): string {
  if (bound === 'aborted') return `${STOPPED} after ${count(executions)} executions`;
  if (bound === 'maxSteps')
    return `maxSteps=${count(limit)} reached in ${count(executions)} executions, which were cut short`;
  const unit = bound === 'timeMs' ? `time=${limit / 1000} s` : `${bound}=${count(limit)}`;
  return `${unit} reached after ${count(executions)} executions`;
}

function hitsOf(claims: Exploration['always']): Record<string, number> {
  return Object.fromEntries(Object.entries(claims).map(([text, { hits }]) => [text, hits]));
}

function sizeOf({ threads }: AnyScenario): string {
  const n = Object.keys(threads).length;
  return `${n} ${n === 1 ? 'thread' : 'threads'}`;
}
