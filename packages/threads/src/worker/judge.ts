/** Judges each round at rest: reads the mailboxes, asks the scenario's predicates, and counts final states. */
import { type AnyScenario, canonical, finalStateText, fromCanonical, type Never } from '@faultline/machine';
import { type Finding, type FindingKind, MAX_STATES, type Summary } from '../report.ts';
import type { Machine } from './machine.ts';
import { Ended, type Mailbox } from './shared.ts';
import { type Failure, isFollowUp, type Warned } from './thread.ts';

interface Seen {
  readonly results: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
}
type Predicate = (outcome: Seen, state: unknown) => boolean;

const KINDS: Readonly<Record<string, FindingKind>> = {
  Stuck: 'deadlock',
  KernelBug: 'BUG',
  BadUnlock: 'bad unlock',
  LeakedLock: 'leaked lock',
  DoubleFree: 'double free',
  ArenaExhausted: 'arena exhausted',
};

export class Judge {
  private readonly states = new Map<string, number>();
  private statesDropped = 0;
  private readonly sometimes: Record<string, number> = {};
  private readonly parsed = new Map<string, unknown>();
  private readonly alwaysRows: [string, Predicate][] = [];
  private readonly nevers = new Map<string, string>();
  private readonly sometimesRows: [string, Predicate][];
  private rounds = 0;

  constructor(
    private readonly machine: Machine,
    private readonly mailboxes: readonly Mailbox[],
  ) {
    const { scenario } = machine;
    for (const [text, claim] of Object.entries(scenario.always)) {
      if (typeof claim === 'function') this.alwaysRows.push([text, claim as unknown as Predicate]);
      else this.nevers.set((claim as Never).never, text);
    }
    this.sometimesRows = Object.entries(scenario.sometimes) as unknown as [string, Predicate][];
    for (const [text] of this.sometimesRows) this.sometimes[text] = 0;
  }

  get distinct(): number {
    return this.states.size;
  }

  /** The findings of the round that has just ended; none, nearly always. */
  judge(round: number): Finding[] {
    this.rounds++;
    const failed = this.failures(round);
    if (failed.length > 0) return failed;
    const warnings: string[] = [];
    const results = this.results(warnings);
    const outcome = { results, warnings };
    const { scenario, state } = this.machine;
    try {
      const final = (scenario.final as ((state: unknown) => unknown) | undefined)?.(state);
      this.count(finalStateText(results, final));
      for (const [text, holds] of this.sometimesRows) if (holds(outcome, state)) this.sometimes[text]++;
      return this.fallen(outcome, round);
    } catch (error) {
      const { message, stack = '' } = error as Error;
      return [{ kind: 'exception', text: message, thread: '', round, results: canonical(results), stack }];
    }
  }

  summary(findings: readonly Finding[], ms: number): Summary {
    const { rounds, states, statesDropped, sometimes } = this;
    return { rounds, ms, states, statesDropped, sometimes, findings };
  }

  private fallen(outcome: Seen, round: number): Finding[] {
    const results = () => canonical(outcome.results);
    const found: Finding[] = [];
    for (const [text, holds] of this.alwaysRows) {
      if (holds(outcome, this.machine.state)) continue;
      found.push({ kind: 'always', text, thread: '', round, results: results(), stack: '' });
    }
    for (const warning of outcome.warnings)
      found.push(this.asNever('WARN', warning, '', round, results(), ''));
    return found;
  }

  private failures(round: number): Finding[] {
    const found: Finding[] = [];
    const waiting: string[] = [];
    for (const [i, mailbox] of this.mailboxes.entries()) {
      if (mailbox.ended !== Ended.FAILED) continue;
      const failure = JSON.parse(mailbox.text) as Failure;
      const thread = this.machine.names[i];
      const kind = KINDS[failure.name] ?? 'exception';
      if (kind === 'deadlock' || isFollowUp(failure)) waiting.push(`${thread} ${failure.message}`);
      if (kind === 'deadlock' || isFollowUp(failure)) continue;
      found.push(this.asNever(kind, failure.message, thread, round, '', failure.stack));
    }
    if (found.length === 0 && waiting.length > 0) {
      found.push(this.asNever('deadlock', waiting.join('; '), '', round, '', ''));
    }
    return found;
  }

  /** A detector's finding is that of the `always` that is stated about it, if there is one. */
  private asNever(
    kind: FindingKind,
    text: string,
    thread: string,
    round: number,
    results: string,
    stack: string,
  ): Finding {
    // Freeing twice is a use of what was freed.
    const always = this.nevers.get(kind === 'double free' ? 'use after free' : kind);
    if (always === undefined) return { kind, text, thread, round, results, stack };
    return { kind: 'always', text: always, thread, round, results, stack: `${kind}: ${text}\n${stack}` };
  }

  private results(warnings: string[]): Record<string, unknown> {
    const results: Record<string, unknown> = {};
    for (const [i, mailbox] of this.mailboxes.entries()) {
      const name = this.machine.names[i] as string;
      if (mailbox.ended === Ended.WITH_RESULT) results[name] = this.parse(mailbox.text);
      else if (mailbox.ended === Ended.WITH_NOTHING) results[name] = undefined;
      else {
        const warned = JSON.parse(mailbox.text) as Warned;
        warnings.push(...warned.warnings);
        results[name] = warned.result === '' ? undefined : this.parse(warned.result);
      }
    }
    return results;
  }

  private parse(text: string): unknown {
    const known = this.parsed.get(text);
    if (known !== undefined) return known;
    const value = fromCanonical(text);
    if (this.parsed.size < 10_000) this.parsed.set(text, value);
    return value;
  }

  private count(state: string): void {
    const before = this.states.get(state);
    if (before === undefined && this.states.size >= MAX_STATES) this.statesDropped++;
    else this.states.set(state, (before ?? 0) + 1);
  }
}

/** The scenario of that name, or an error that lists near ones. */
export function scenarioNamed(scenarios: readonly AnyScenario[], name: string): AnyScenario {
  const found = scenarios.find((s) => s.name === name);
  if (found !== undefined) return found;
  const area = name.split('/')[0] as string;
  const near = scenarios.filter((s) => s.name.startsWith(`${area}/`)).map((s) => s.name);
  throw new Error(
    `no scenario named '${name}'${near.length > 0 ? `; area ${area} has ${near.join(', ')}` : ''}`,
  );
}
