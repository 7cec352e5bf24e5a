/** Judges executions by a scenario's own claims, and counts final states. */
import {
  type AnyScenario,
  canonical,
  current,
  finalStateText,
  type Never,
  type Outcome,
} from '@faultline/machine';
import type { ClaimCount } from './exploration.ts';
import type { FindingKind } from './finding.ts';
import type { Threads } from './threads.ts';

type Predicate = (outcome: Outcome<unknown>, state: unknown) => boolean;

export class Judge {
  readonly always: Record<string, ClaimCount> = {};
  readonly sometimes: Record<string, ClaimCount> = {};
  readonly finals = new Map<string, number>();
  readonly observations = new Set<string>();
  private readonly names: readonly string[];
  private readonly checks: [name: string, holds: Predicate, count: ClaimCount][] = [];
  private readonly hopes: [name: string, happens: Predicate, count: ClaimCount][] = [];
  private readonly nevers = new Map<string, string[]>();
  private readonly final: ((state: unknown) => unknown) | null;

  constructor(
    scenario: AnyScenario,
    private readonly state: unknown,
  ) {
    this.names = Object.keys(scenario.threads);
    this.final = (scenario.final as ((state: unknown) => unknown) | undefined) ?? null;
    for (const [name, claim] of Object.entries(scenario.always as Record<string, Never | Predicate>)) {
      const count = { judged: 0, hits: 0 };
      this.always[name] = count;
      if (typeof claim === 'function') this.checks.push([name, claim, count]);
      else this.nevers.set(claim.never, [...(this.nevers.get(claim.never) ?? []), name]);
    }
    for (const [name, happens] of Object.entries(scenario.sometimes as Record<string, Predicate>)) {
      const count = { judged: 0, hits: 0 };
      this.sometimes[name] = count;
      this.hopes.push([name, happens, count]);
    }
  }

  /** Judges the execution that has just completed; returns the claims that fell. */
  complete(threads: Threads, warnings: readonly string[]): string[] {
    current.task = 0;
    const outcome = this.outcome(threads, warnings);
    this.countFinal(outcome);
    const fallen: string[] = [];
    for (const [name, holds, count] of this.checks) {
      count.judged++;
      if (holds(outcome, this.state)) continue;
      count.hits++;
      fallen.push(name);
    }
    for (const names of this.nevers.values()) for (const name of names) this.always[name].judged++;
    for (const [, happens, count] of this.hopes) {
      count.judged++;
      if (happens(outcome, this.state)) count.hits++;
    }
    return fallen;
  }

  /** The claims that fall in the execution that has just completed; counts nothing. */
  fallen(threads: Threads, warnings: readonly string[]): string[] {
    current.task = 0;
    const outcome = this.outcome(threads, warnings);
    return this.checks.filter(([, holds]) => !holds(outcome, this.state)).map(([name]) => name);
  }

  /** Counts the final state of an execution that ended in a deadlock. */
  deadlocked(threads: Threads): void {
    current.task = 0;
    this.countFinal(this.outcome(threads, []), 'deadlock ');
  }

  /** A detector reported: the claims that say it never does, '' if there is none. */
  reported(kind: FindingKind): string[] {
    const names = this.nevers.get(kind === 'double free' ? 'use after free' : kind);
    if (names === undefined) return [''];
    for (const name of names) {
      this.always[name].judged++;
      this.always[name].hits++;
    }
    return names;
  }

  /** Each `sometimes` that never happened. */
  unreached(): string[] {
    return this.hopes.filter(([, , count]) => count.hits === 0).map(([name]) => name);
  }

  private outcome(threads: Threads, warnings: readonly string[]): Outcome<unknown> {
    const results: Record<string, unknown> = {};
    for (let t = 0; t < threads.count; t++) {
      if (threads.finished[t] === 1) results[this.names[t]] = threads.results[t];
    }
    return { results, warnings } as Outcome<unknown>;
  }

  private countFinal(outcome: Outcome<unknown>, prefix = ''): void {
    this.observations.add(prefix + canonical(outcome.results));
    const key = prefix + finalStateText(outcome.results, this.final?.(this.state));
    this.finals.set(key, (this.finals.get(key) ?? 0) + 1);
  }
}
