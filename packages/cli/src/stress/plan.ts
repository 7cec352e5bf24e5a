/** What a stress run is asked to do, checked before anything starts: which scenarios, which bundle, how long each. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type AnyScenario, setStepsOff, UnknownStepError } from '@faultline/machine';
import { UsageError } from '../exit.ts';
import { host } from '../host.ts';
import { isFile, type Target, variantFile } from '../targets.ts';

export interface Skipped {
  readonly scenario: string;
  readonly because: string;
}

/** Splits what was chosen into what runs on threads and what does not. Throws a UsageError for a name that cannot. */
export function onThreads(
  chosen: readonly Target[],
  named: readonly string[],
  workers: number | undefined,
): { run: Target[]; skipped: Skipped[] } {
  const run: Target[] = [];
  const skipped: Skipped[] = [];
  for (const target of chosen) {
    const { scenario } = target;
    const because = reasonAgainst(scenario, named.includes(scenario.name), workers);
    if (because === null) run.push(target);
    else if (named.includes(scenario.name)) throw new UsageError(`${scenario.name} ${because}`);
    else skipped.push({ scenario: scenario.name, because });
  }
  return { run, skipped };
}

function reasonAgainst(scenario: AnyScenario, named: boolean, workers: number | undefined): string | null {
  if (scenario.exploredOnly !== undefined) {
    return `does not run on threads: ${scenario.exploredOnly}; use 'faultline check ${scenario.name}'`;
  }
  if (scenario.expect === 'violated' && !named) return 'is violated on purpose; name it to run it';
  const threads = Object.keys(scenario.threads).length;
  if (workers !== undefined && threads > workers) {
    return `has ${threads} threads, more than --threads ${workers}`;
  }
  return null;
}

/** Throws a UsageError for a step that no module of the catalogue declares. */
export function requireSteps(without: readonly string[]): void {
  try {
    setStepsOff(without);
  } catch (error) {
    if (error instanceof UnknownStepError) throw new UsageError(error.message, { cause: error });
    throw error;
  } finally {
    setStepsOff([]);
  }
}

interface ThreadsBuilder {
  buildThreads(
    root: string,
    options: { without: readonly string[]; variants: readonly string[]; scenarioFile?: string },
  ): Promise<string>;
}

/** Builds the bundle that workers run: the catalogue, or the scenarios of one file. Returns its path. */
export async function buildBundle(
  without: readonly string[],
  variants: readonly string[],
  scenarioFile?: string,
): Promise<string> {
  const module = path.join(host().root, 'packages/cli/build/threads-bundle.js');
  const { buildThreads } = (await import(pathToFileURL(module).href)) as ThreadsBuilder;
  try {
    return await buildThreads(host().root, {
      without,
      variants: variants.map(variantFile),
      ...(scenarioFile === undefined ? {} : { scenarioFile: path.resolve(scenarioFile) }),
    });
  } catch (error) {
    if (error instanceof Error && error.name === 'BuildError') {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}

/** The one scenario file among the arguments, if any. Throws a UsageError for several, or for a mix. */
export function fileAmong(names: readonly string[]): string | undefined {
  const files = names.filter(isFile);
  if (files.length === 0) return undefined;
  if (names.length > 1) {
    throw new UsageError('stress takes areas and scenarios of the catalogue, or one scenario file, not both');
  }
  return files[0];
}
