/**
 * Counts final states. Millions of executions end in a handful of states, so each is recognised by a quick text, and its
 * canonical one, which sorts keys and is the same on every platform, is made when asked for.
 */
import { canonical, finalStateText } from '@faultline/machine';
import type { Threads } from './threads.ts';

interface Seen {
  readonly prefix: string;
  /** Results by thread, and which of them finished, as bits. */
  readonly results: readonly unknown[];
  readonly finished: number;
  readonly final: unknown;
  count: number;
}

export class FinalStates {
  private readonly quick = new Map<string, Seen>();

  constructor(
    private readonly names: readonly string[],
    private readonly final: (() => unknown) | null,
  ) {}

  /** Counts the state that the execution has just ended in; `prefix` sets deadlocks apart. */
  count(threads: Threads, prefix: string): void {
    const final = this.final === null ? undefined : this.final();
    let text = prefix;
    for (let t = 0; t < threads.count; t++) {
      text += threads.finished[t] === 1 ? quickText(threads.results[t]) : '-';
    }
    if (final !== undefined) text += quickText(final);
    const seen = this.quick.get(text);
    if (seen !== undefined) seen.count++;
    else {
      const results = threads.results.slice();
      this.quick.set(text, { prefix, results, finished: finishedBits(threads), final, count: 1 });
    }
  }

  /** States by canonical text, with the number of executions that ended there. */
  all(): Map<string, number> {
    const finals = new Map<string, number>();
    for (const seen of this.quick.values()) {
      const key = seen.prefix + finalStateText(this.resultsOf(seen), seen.final);
      finals.set(key, (finals.get(key) ?? 0) + seen.count);
    }
    return finals;
  }

  /** Distinct results of the threads. */
  observations(): number {
    const observed = new Set<string>();
    for (const seen of this.quick.values()) observed.add(seen.prefix + canonical(this.resultsOf(seen)));
    return observed.size;
  }

  private resultsOf({ results, finished }: Seen): Record<string, unknown> {
    const named: Record<string, unknown> = {};
    this.names.forEach((name, t) => {
      if (((finished >>> t) & 1) === 1) named[name] = results[t];
    });
    return named;
  }
}

function finishedBits(threads: Threads): number {
  let bits = 0;
  for (let t = 0; t < threads.count; t++) bits |= threads.finished[t] << t;
  return bits;
}

/** A text that differs wherever the canonical one does; two texts may stand for one canonical text. */
function quickText(value: unknown): string {
  if (value === undefined) return 'u;';
  if (typeof value === 'number') return `${value};`;
  if (typeof value === 'boolean') return value ? 't;' : 'f;';
  if (typeof value === 'bigint') return `${value}n;`;
  if (Array.isArray(value)) {
    let text = '[';
    for (let i = 0; i < value.length; i++) text += quickText(value[i]);
    return `${text}]`;
  }
  if (typeof value !== 'object' || value === null || 'addr' in value) return `${canonical(value)};`;
  let text = '{';
  for (const key in value)
    text += `${JSON.stringify(key)}${quickText((value as Record<string, unknown>)[key])}`;
  return `${text}}`;
}
