/** How large each scenario is (committed, kept fresh by a test) and how long it took here last (in the cache). */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { host } from './host.ts';
import { type CheckResult, executionsOf } from './run/job.ts';

export interface Size {
  readonly executions: number;
  /** Steps of the longest execution. */
  readonly steps: number;
}

/** By name of the scenario; empty if the file is missing. */
export function readSizes(): Readonly<Record<string, Size>> {
  return readJson<Record<string, Size>>(path.join(host().root, 'packages/scenarios/sizes.json'));
}

/** Milliseconds of the last complete check of each scenario on this machine. */
export function readTimes(): Readonly<Record<string, number>> {
  return readJson<Record<string, number>>(timesFile());
}

/** Remembers times of runs that were complete and of the unchanged system. Failing to is of no importance. */
export function recordTimes(results: readonly CheckResult[]): void {
  const plain = results.filter(
    ({ verdict, variant, without }) => verdict !== 'inconclusive' && variant === '' && without.length === 0,
  );
  if (plain.length === 0) return;
  const times = { ...readTimes() };
  for (const { scenario, ms } of plain) times[scenario] = Math.round(ms);
  try {
    mkdirSync(path.dirname(timesFile()), { recursive: true });
    writeFileSync(timesFile(), JSON.stringify(times));
  } catch {
    // Only what `list` shows in its last column is lost.
  }
}

export function sizeOf(result: CheckResult): Size {
  return { executions: executionsOf(result), steps: result.maxDepth };
}

function timesFile(): string {
  return path.join(path.dirname(host().built), 'times.json');
}

function readJson<T extends object>(file: string): Partial<T> & T {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return {} as T;
  }
}
