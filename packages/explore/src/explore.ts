/** Explores a scenario: every execution that differs from all others in what it could tell, or the bounds that were hit. */
import { type AnyScenario, current, setWatch } from '@faultline/machine';
import { canonicalTrace } from './canonical-trace.ts';
import { checkDeterminism } from './determinism.ts';
import { Enumerate } from './enumerate.ts';
import type { BoundHit, Counts, Exploration, ExploreOptions, Mode, Strategy } from './exploration.ts';
import { Findings } from './findings.ts';
import { Nondeterminism } from './nondeterminism.ts';
import { Optimal } from './optimal.ts';
import { Preemptions } from './preemptions.ts';
import { Pct, RandomWalk } from './sampling.ts';
import { Ending, type Reduction } from './search.ts';
import { closeSession, openSession, type Session } from './session.ts';
import { Source } from './source.ts';

const PROGRESS_MS = 250;
/** Executions between two looks at the clock. */
const CLOCK_EVERY = 16;

/**
 * Explores all executions of a scenario. Bounds that are hit are part of the result, never silent.
 * Throws if the scenario's own set-up throws, or for a step name that no loaded module declares.
 */
export function explore(scenario: AnyScenario, options: ExploreOptions = {}): Exploration {
  const explorer = new Explorer(scenario, options);
  try {
    explorer.run(Number.POSITIVE_INFINITY);
    return explorer.result();
  } finally {
    explorer.close();
  }
}

/** As `explore`, giving way to the event loop a few times a second, so that `signal` can be aborted from outside. */
export async function exploreAsync(
  scenario: AnyScenario,
  options: ExploreOptions = {},
): Promise<Exploration> {
  const explorer = new Explorer(scenario, options);
  try {
    while (!explorer.run(PROGRESS_MS)) await new Promise((resolve) => setImmediate(resolve));
    return explorer.result();
  } finally {
    explorer.close();
  }
}

/** An exploration that can pause between executions. Only one may be open at a time: it owns the arena. */
export class Explorer {
  private readonly session: Session;
  private readonly findings: Findings;
  private readonly counts: Counts = {
    complete: 0,
    deadlocked: 0,
    blocked: 0,
    truncated: 0,
    stopped: 0,
    steps: 0,
    maxDepth: 0,
    ms: 0,
  };
  private readonly mode: Mode;
  private readonly maxExecutions: number;
  private readonly timeMs: number;
  private readonly traces = new Set<string>();
  private readonly sampling: { readonly executions: number; readonly reduction: Reduction } | null;
  private executions = 0;
  private hit: BoundHit['bound'] | null = null;
  private done = false;
  private progressAt = 0;

  constructor(
    scenario: AnyScenario,
    private readonly options: ExploreOptions,
  ) {
    const { bounds = {} } = options;
    this.session = openSession(scenario, {
      stepsOff: options.stepsOff ?? [],
      equivalence: options.equivalence ?? {},
      model: options.model ?? 'sc',
      immediateOnly: options.shortcuts?.immediateOnly === true,
      lockUses: options.lockUses ?? true,
      siteUses: options.siteUses === true,
      ...(bounds.maxSteps === undefined ? {} : { maxSteps: bounds.maxSteps }),
    });
    this.mode = options.mode ?? 'optimal';
    this.maxExecutions = bounds.maxExecutions ?? scenario.maxExecutions ?? Number.POSITIVE_INFINITY;
    this.timeMs = bounds.timeMs ?? Number.POSITIVE_INFINITY;
    this.findings = new Findings(this.session);
    this.sampling = samplingOf(this.session, options.strategy);
    const reduction = this.reduction();
    this.session.search.use(reduction);
    options.watch?.(this.session, this.sampling?.reduction ?? reduction);
  }

  /** Explores for about `ms` milliseconds; true when there is nothing left to do. */
  run(ms: number): boolean {
    const start = performance.now();
    const before = this.counts.ms;
    while (!this.done) {
      this.one();
      if (this.executions % CLOCK_EVERY !== 0) continue;
      const now = performance.now() - start;
      this.counts.ms = before + now;
      this.lookAtClock();
      if (now >= ms) break;
    }
    this.counts.ms = before + performance.now() - start;
    return this.done;
  }

  result(): Exploration {
    const { session, counts, findings, options } = this;
    const { judge, search } = session;
    counts.steps = search.steps;
    counts.maxDepth = search.maxDepth;
    const bounds = this.boundsHit();
    const proof = (options.strategy?.kind ?? 'exhaustive') === 'exhaustive';
    const partial = !proof || bounds.length > 0 || (options.stopAtFirst === true && findings.size > 0);
    if (!partial) for (const claim of judge.unreached()) findings.unreached(claim);
    const list = findings.list();
    current.task = 0;
    let finals: Map<string, number> | undefined;
    let observations: number | undefined;
    return {
      scenario: session.scenario.name,
      mode: this.mode,
      strategy: options.strategy?.kind ?? 'exhaustive',
      model: session.run.model.name,
      stepsOff: session.stepsOff,
      verdict: list.length > 0 ? 'violated' : partial || counts.complete === 0 ? 'inconclusive' : 'verified',
      counts: { ...counts },
      findings: list,
      always: judge.always,
      sometimes: judge.sometimes,
      get finals() {
        finals ??= judge.finals.all();
        return finals;
      },
      get observations() {
        observations ??= judge.finals.observations();
        return observations;
      },
      bounds,
      locks: search.detector.uses?.all(session.names) ?? [],
      sites: search.detector.sites?.all() ?? [],
    };
  }

  /** Gives the arena back and switches all steps on. */
  close(): void {
    setWatch(null);
    current.task = 0;
    closeSession();
  }

  /** Runs the next execution; how it ended, -1 when there is no other. */
  private nextExecution(): number {
    const { search } = this.session;
    if (this.sampling === null) return search.next();
    const { executions } = this.sampling;
    return this.executions >= executions ? -1 : search.once(this.sampling.reduction);
  }

  private reduction(): Reduction {
    const { search } = this.session;
    const { strategy } = this.options;
    if (strategy?.kind === 'preemptions') return new Preemptions(search, strategy.bound);
    const shortcuts = this.options.shortcuts ?? {};
    switch (this.mode) {
      case 'naive':
        return new Enumerate(search, false);
      case 'sleep':
        return new Enumerate(search, true);
      case 'source':
        return new Source(search, shortcuts);
      default:
        return new Optimal(search, shortcuts);
    }
  }

  private one(): void {
    const { search } = this.session;
    try {
      const ending = this.nextExecution();
      if (ending < 0) {
        this.done = true;
        return;
      }
      this.executions++;
      this.account(ending);
      if (this.executions === 1 && ending !== Ending.STOPPED) checkDeterminism(search);
    } catch (error) {
      if (!(error instanceof Nondeterminism)) throw error;
      this.findings.nondeterministic(error.message);
      this.done = true;
      return;
    }
    if (this.options.stopAtFirst === true && this.findings.size > 0) this.done = true;
    else if (this.executions >= this.maxExecutions && (this.sampling !== null || search.unfinished()))
      this.stopAt('maxExecutions');
  }

  private account(ending: number): void {
    const { counts, findings, session } = this;
    const { detector } = session.search;
    session.judge.begin();
    for (const warning of detector.warnings) findings.report(warning);
    switch (ending) {
      case Ending.COMPLETE:
        if (this.isNewTrace('C')) counts.complete++;
        for (const claim of this.judged()) findings.fallen(claim);
        return;
      case Ending.DEADLOCKED:
        if (this.isNewTrace('D')) counts.deadlocked++;
        session.judge.deadlocked(session.run.threads);
        detector.uses?.pending();
        findings.stuck();
        return;
      case Ending.BLOCKED:
        counts.blocked++;
        return;
      case Ending.TRUNCATED:
        counts.truncated++;
        return;
      default:
        counts.stopped++;
        if (detector.finding !== null) findings.report(detector.finding);
    }
  }

  private judged(): readonly string[] {
    const { judge, run, search } = this.session;
    const { warnings } = search.detector;
    return judge.complete(run.threads, warnings.length === 0 ? NO_WARNINGS : warnings.map((w) => w.message));
  }

  /** The naive mode meets each trace in all its interleavings. */
  private isNewTrace(kind: string): boolean {
    if (this.mode !== 'naive') return true;
    const before = this.traces.size;
    this.traces.add(kind + canonicalTrace(this.session.search.events));
    return this.traces.size > before;
  }

  private lookAtClock(): void {
    const { counts, options } = this;
    if (options.signal?.aborted === true) this.stopAt('aborted');
    else if (counts.ms >= this.timeMs) this.stopAt('timeMs');
    if (options.onProgress === undefined || counts.ms - this.progressAt < PROGRESS_MS) return;
    this.progressAt = counts.ms;
    options.onProgress({
      executions: this.executions,
      perSecond: Math.round((this.executions / counts.ms) * 1000),
      ms: counts.ms,
      done: this.session.search.doneFraction(),
    });
  }

  private stopAt(bound: BoundHit['bound']): void {
    this.hit = bound;
    this.done = true;
  }

  private boundsHit(): BoundHit[] {
    const { counts, session, hit } = this;
    const hits: BoundHit[] = [];
    if (counts.truncated > 0) {
      hits.push({ bound: 'maxSteps', limit: session.maxSteps, executions: counts.truncated });
    }
    if (hit === 'maxExecutions')
      hits.push({ bound: hit, limit: this.maxExecutions, executions: this.executions });
    if (hit === 'timeMs') hits.push({ bound: hit, limit: this.timeMs, executions: this.executions });
    if (hit === 'aborted') hits.push({ bound: hit, limit: 0, executions: this.executions });
    return hits;
  }
}

function samplingOf(session: Session, strategy: Strategy | undefined) {
  const { search } = session;
  if (strategy?.kind === 'random') {
    return { executions: strategy.executions, reduction: new RandomWalk(search, strategy.seed) };
  }
  if (strategy?.kind === 'pct') {
    return { executions: strategy.executions, reduction: new Pct(search, strategy.seed, strategy.depth) };
  }
  return null;
}

const NO_WARNINGS: readonly string[] = [];
