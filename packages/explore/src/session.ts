/** A scenario made ready to run: steps switched, set-up done, memory snapshotted, search and judge in place. */
import { type AnyScenario, setStepsOff, type Task } from '@faultline/machine';
import { DEFAULT_EQUIVALENCE, type Equivalence } from './access.ts';
import { LockUses } from './detect/lock-uses.ts';
import { SiteUses } from './detect/site-uses.ts';
import { resetFootprints } from './footprint.ts';
import { Judge } from './judge.ts';
import type { ModelName } from './memory-model.ts';
import { DEFAULT_ARENA_BYTES, Run, setUp } from './run.ts';
import { ScModel } from './sc.ts';
import { Search } from './search.ts';
import { TsoModel } from './tso.ts';

export const DEFAULT_MAX_STEPS = 1000;

export interface SessionOptions {
  readonly stepsOff?: readonly string[];
  readonly maxSteps?: number;
  readonly equivalence?: Partial<Equivalence>;
  /** Sequential consistency when left out. */
  readonly model?: ModelName;
  /** For tests of the waiting rule. */
  readonly immediateOnly?: boolean;
  /** Note every lock that is asked for, and what is held then. */
  readonly lockUses?: boolean;
  /** Note who changes the same place as each named operation. */
  readonly siteUses?: boolean;
}

export interface Session {
  readonly scenario: AnyScenario;
  readonly names: readonly string[];
  readonly stepsOff: readonly string[];
  readonly run: Run;
  readonly search: Search;
  readonly judge: Judge;
  readonly maxSteps: number;
}

/**
 * Opens a session; it owns the arena in use until the next one is opened.
 * Throws UnknownStepError for a step name that no loaded module declares.
 */
export function openSession(scenario: AnyScenario, options: SessionOptions): Session {
  const stepsOff = options.stepsOff ?? [];
  setStepsOff(stepsOff);
  resetFootprints();
  const equivalence = { ...DEFAULT_EQUIVALENCE, ...options.equivalence };
  const names = Object.keys(scenario.threads);
  const model =
    options.model === 'tso'
      ? new TsoModel(names.length, equivalence.commutingAdds)
      : new ScModel(equivalence.commutingAdds);
  const bytes = scenario.arenaBytes ?? DEFAULT_ARENA_BYTES;
  const state: unknown = setUp(scenario.setup as () => Task<unknown>, names.length, bytes, model);
  const makers = Object.values(scenario.threads) as ((state: unknown) => Task<unknown>)[];
  const run = new Run({ threads: makers.map((make) => () => make(state)) }, model);
  const maxSteps = options.maxSteps ?? scenario.maxSteps ?? DEFAULT_MAX_STEPS;
  const search = new Search(
    run,
    { maxSteps, equivalence, immediateOnly: options.immediateOnly === true },
    bytes,
  );
  search.detector.contexts.preemptRt = scenario.preemptRt === true;
  if (options.lockUses === true)
    search.detector.uses = new LockUses(run.threads, search.detector, search.events);
  if (options.siteUses === true) search.detector.sites = new SiteUses(search.detector);
  return { scenario, names, stepsOff, run, search, judge: new Judge(scenario, state), maxSteps };
}

/** Switches all steps on again. */
export function closeSession(): void {
  setStepsOff([]);
}
