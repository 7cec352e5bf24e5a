/** What one scenario did on threads, and how that compares with what the explorer knows. Plain data: the JSON report. */
import type { AnyScenario } from '@faultline/machine';
import type { Finding, StressResult } from '@faultline/threads';
import { ExitCode } from '../exit.ts';
import type { Agreement } from './agreement.ts';

export interface StressReport {
  readonly scenario: string;
  readonly threads: readonly string[];
  readonly rounds: number;
  readonly ms: number;
  readonly seed: number;
  readonly chaos: boolean;
  readonly ended: StressResult['ended'];
  /** Distinct final states. */
  readonly states: number;
  /** Each `sometimes` -> in how many rounds. */
  readonly sometimes: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  /** The scenario is violated on purpose. */
  readonly expected: boolean;
  readonly explored: Agreement | null;
  /** Arguments of `faultline check` for the same program. */
  readonly again: readonly string[];
}

export function reportOf(
  scenario: AnyScenario,
  result: StressResult,
  { seed, chaos, again }: { seed: number; chaos: boolean; again: readonly string[] },
  explored: Agreement | null,
): StressReport {
  const { threads, rounds, ms, ended, states, sometimes, findings } = result;
  return {
    scenario: scenario.name,
    threads,
    rounds,
    ms: Math.round(ms),
    seed,
    chaos,
    ended,
    states: states.size,
    sometimes,
    findings,
    expected: scenario.expect === 'violated',
    explored,
    again,
  };
}

export function exitCodeOf({ findings, explored, expected, ended }: StressReport): number {
  if (hitBound(findings)) return ExitCode.INCOMPLETE;
  if (findings.length > 0 && !expected) return ExitCode.FINDING;
  if (explored !== null && explored.strangers.length > 0) return ExitCode.FINDING;
  if (explored !== null && !explored.complete) return ExitCode.INCOMPLETE;
  return ended === 'interrupted' ? ExitCode.INCOMPLETE : ExitCode.CLEAN;
}

/** True if what was found says that the arena is too small, and nothing about the program. */
export function hitBound(findings: readonly Finding[]): boolean {
  return findings.length > 0 && findings.every(({ kind }) => kind === 'arena exhausted');
}
