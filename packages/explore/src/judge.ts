/** Judges executions by a scenario's own claims, and counts final states. */
import { type AnyScenario, current, type Never, type Outcome } from '@faultline/machine';
import type { ClaimCount, SometimesCount } from './exploration.ts';
import { FinalStates } from './final-states.ts';
import type { FindingKind } from './finding.ts';
import type { Threads } from './threads.ts';

type Predicate = (outcome: Outcome<unknown>, state: unknown) => boolean;

export class Judge {
  readonly always: Record<string, ClaimCount> = {};
  readonly sometimes: Record<string, SometimesCount> = {};
  readonly finals: FinalStates;
  private readonly names: readonly string[];
  private readonly checks: [name: string, holds: Predicate, count: ClaimCount][] = [];
  private readonly hopes: [name: string, happens: Predicate, count: SometimesCount][] = [];
  private readonly nevers = new Map<string, string[]>();
  /** Claims that a detector has already broken in this execution: it may report more than once. */
  private readonly broken = new Set<string>();

  constructor(
    scenario: AnyScenario,
    private readonly state: unknown,
  ) {
    this.names = Object.keys(scenario.threads);
    const final = scenario.final as ((state: unknown) => unknown) | undefined;
    this.finals = new FinalStates(this.names, final === undefined ? null : () => final(state));
    for (const [name, claim] of Object.entries(scenario.always as Record<string, Never | Predicate>)) {
      const count = { judged: 0, hits: 0 };
      this.always[name] = count;
      if (typeof claim === 'function') this.checks.push([name, claim, count]);
      else this.nevers.set(claim.never, [...(this.nevers.get(claim.never) ?? []), name]);
    }
    for (const [name, happens] of Object.entries(scenario.sometimes as Record<string, Predicate>)) {
      const count = { judged: 0, hits: 0, harmful: 0 };
      this.sometimes[name] = count;
      this.hopes.push([name, happens, count]);
    }
  }

  /** Another execution has ended, and its reports come next. */
  begin(): void {
    this.broken.clear();
  }

  /** Judges the execution that has just completed; returns the claims that fell. */
  complete(threads: Threads, warnings: readonly string[]): readonly string[] {
    current.task = 0;
    this.finals.count(threads, '');
    for (const names of this.nevers.values()) {
      for (const name of names) if (!this.broken.has(name)) this.always[name].judged++;
    }
    if (this.checks.length === 0 && this.hopes.length === 0) return NONE;
    return this.judge(this.outcome(threads, warnings));
  }

  private judge(outcome: Outcome<unknown>): readonly string[] {
    let fallen: string[] | null = null;
    for (const [name, holds, count] of this.checks) {
      count.judged++;
      if (this.ask(name, holds, outcome)) continue;
      count.hits++;
      if (fallen === null) fallen = [];
      fallen.push(name);
    }
    for (const [name, happens, count] of this.hopes) {
      count.judged++;
      if (!this.ask(name, happens, outcome)) continue;
      count.hits++;
      if (fallen !== null) count.harmful++;
    }
    return fallen ?? NONE;
  }

  /** The claims that fall in the execution that has just completed; counts nothing. */
  fallen(threads: Threads, warnings: readonly string[]): string[] {
    current.task = 0;
    const outcome = this.outcome(threads, warnings);
    return this.checks.filter(([name, holds]) => !this.ask(name, holds, outcome)).map(([name]) => name);
  }

  /** Counts the final state of an execution that ended in a deadlock. */
  deadlocked(threads: Threads): void {
    current.task = 0;
    this.finals.count(threads, 'deadlock ');
  }

  /** A detector reported: the claims that say it never does, '' if there is none. */
  reported(kind: FindingKind): string[] {
    const names = this.nevers.get(kind === 'double free' ? 'use after free' : kind);
    if (names === undefined) return [''];
    for (const name of names) {
      if (this.broken.has(name)) continue;
      this.broken.add(name);
      this.always[name].judged++;
      this.always[name].hits++;
    }
    return names;
  }

  /** Each `sometimes` that never happened. */
  unreached(): string[] {
    return this.hopes.filter(([, , count]) => count.hits === 0).map(([name]) => name);
  }

  private ask(name: string, predicate: Predicate, outcome: Outcome<unknown>): boolean {
    try {
      return predicate(outcome, this.state);
    } catch (error) {
      throw new Error(`the claim '${name}' threw instead of answering: ${String(error)}`, { cause: error });
    }
  }

  private outcome(threads: Threads, warnings: readonly string[]): Outcome<unknown> {
    const results: Record<string, unknown> = {};
    for (let t = 0; t < threads.count; t++) {
      if (threads.finished[t] === 1) results[this.names[t]] = threads.results[t];
    }
    return { results, warnings } as Outcome<unknown>;
  }
}

const NONE: readonly string[] = [];
