/**
 * Counts final states. Millions of executions end in a handful of states, so each is recognised by numbers that stand for
 * its values, and its canonical text, which sorts keys and is the same on every platform, is made when asked for.
 */
import { canonical, finalStateText } from '@faultline/machine';
import type { Threads } from './threads.ts';
import { ValueIds } from './value-ids.ts';

interface Seen {
  readonly prefix: string;
  /** Numbers of the results by thread, and of what `final` said. */
  readonly ids: Int32Array;
  readonly results: readonly unknown[];
  /** The threads that did not finish, as bits. */
  readonly unfinished: number;
  readonly final: unknown;
  count: number;
}

export class FinalStates {
  private readonly seen: Seen[] = [];
  private readonly byHash = new Map<number, Seen[]>();
  private readonly values = new ValueIds();
  /** The state under way, and the results that its numbers stand for. */
  private readonly ids: Int32Array;
  private readonly results: unknown[];

  constructor(
    private readonly names: readonly string[],
    private readonly final: (() => unknown) | null,
  ) {
    this.ids = new Int32Array(names.length + 1);
    this.results = names.map(() => undefined);
    this.ids.fill(this.values.of(undefined));
  }

  /** Counts the state that the execution has just ended in; `prefix` sets deadlocks apart. */
  count(threads: Threads, prefix: string): void {
    const final = this.final === null ? undefined : this.final();
    const { unfinished } = threads;
    const hash = this.number(threads.results, final, unfinished);
    let bucket = this.byHash.get(hash);
    if (bucket === undefined) {
      bucket = [];
      this.byHash.set(hash, bucket);
    }
    for (let k = 0; k < bucket.length; k++) {
      if (!this.isThis(bucket[k], prefix, unfinished)) continue;
      bucket[k].count++;
      return;
    }
    const results = threads.results.slice();
    const seen = { prefix, ids: this.ids.slice(), results, unfinished, final, count: 1 };
    bucket.push(seen);
    this.seen.push(seen);
  }

  /** States by canonical text, with the number of executions that ended there. */
  all(): Map<string, number> {
    const finals = new Map<string, number>();
    for (const seen of this.seen) {
      const key = seen.prefix + finalStateText(this.resultsOf(seen), seen.final);
      finals.set(key, (finals.get(key) ?? 0) + seen.count);
    }
    return finals;
  }

  /** Distinct results of the threads. */
  observations(): number {
    const observed = new Set<string>();
    for (const seen of this.seen) observed.add(seen.prefix + canonical(this.resultsOf(seen)));
    return observed.size;
  }

  /** Puts the numbers of a state into `ids`; returns their hash. A result that is what it was needs no look-up. */
  private number(results: readonly unknown[], final: unknown, unfinished: number): number {
    const { ids, values } = this;
    const n = results.length;
    let hash = unfinished;
    for (let t = 0; t < n; t++) {
      const value = results[t];
      if (value !== this.results[t] || typeof value === 'object') {
        this.results[t] = value;
        ids[t] = values.of(value);
      }
      hash = (Math.imul(hash, 31) + ids[t]) | 0;
    }
    ids[n] = values.of(final);
    return (Math.imul(hash, 31) + ids[n]) | 0;
  }

  private isThis(seen: Seen, prefix: string, unfinished: number): boolean {
    if (seen.prefix !== prefix || seen.unfinished !== unfinished) return false;
    const { ids } = this;
    for (let k = 0; k < ids.length; k++) if (seen.ids[k] !== ids[k]) return false;
    return true;
  }

  private resultsOf({ results, unfinished }: Seen): Record<string, unknown> {
    const named: Record<string, unknown> = {};
    this.names.forEach((name, t) => {
      if (((unfinished >>> t) & 1) === 0) named[name] = results[t];
    });
    return named;
  }
}
