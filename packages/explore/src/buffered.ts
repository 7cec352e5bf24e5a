/**
 * Which event wrote each buffered store to memory, and what follows from that: a flush comes after its store, and an
 * operation that needs an empty buffer after all flushes of its thread. Neither order can be reversed.
 */
import { Kind } from '@faultline/machine';
import type { Events } from './events.ts';
import { drains, isBuffered } from './tso.ts';

export class Buffered {
  /** For a buffered store its flush, -1 while there is none; for a flush its store. */
  readonly partner: Int32Array;
  /** Buffered stores of each thread, in order. */
  private readonly stores: number[][];

  constructor(
    private readonly events: Events,
    private readonly programs: number,
  ) {
    this.partner = new Int32Array(events.maxSteps + 1);
    this.stores = Array.from({ length: programs }, () => []);
  }

  /** Event `i`, just begun, gets what comes before it. */
  join(i: number): void {
    const { events, programs, partner, stores } = this;
    const { thread, ops, order, last, index } = events;
    const t = thread[i];
    partner[i] = -1;
    if (t >= programs) {
      const store = stores[t - programs][index[i] - 1];
      partner[i] = store;
      partner[store] = i;
      order.join(i, store);
    } else if (isBuffered(ops.kind[i], ops.order[i])) {
      stores[t].push(i);
    } else if (drains(ops.kind[i], ops.order[i]) && last[programs + t] >= 0) {
      order.join(i, last[programs + t]);
    }
  }

  /** Event `i` is forgotten. */
  drop(i: number): void {
    const { events, programs, partner, stores } = this;
    const t = events.thread[i];
    if (t >= programs) partner[partner[i]] = -1;
    else if (isBuffered(events.ops.kind[i], events.ops.order[i])) stores[t].pop();
  }

  /** The last event before which all is done when the operation in `row` of `ops`, the next one of thread `t`, happens; -1 for none. */
  flushesBefore(kind: number, order: number, t: number): number {
    return t < this.programs && drains(kind, order) ? this.events.last[this.programs + t] : -1;
  }

  /**
   * The store to `addr` that thread `t` would find in its own buffer after its event `from`, in the execution without
   * event `removed` and what depends on it; -1 if it would look in memory.
   */
  forwarded(t: number, addr: number, from: number, removed: number): number {
    const { events, partner } = this;
    if (t >= this.programs) return -1;
    for (let k = from; k >= 0; k = events.before[k]) {
      if (events.ops.kind[k] !== Kind.STORE || events.ops.addr[k] !== addr) continue;
      if (!isBuffered(Kind.STORE, events.ops.order[k])) return -1;
      const flush = partner[k];
      const flushed =
        flush >= 0 && (flush < removed || (flush > removed && !events.happensBefore(removed, flush)));
      return flushed ? -1 : k;
    }
    return -1;
  }
}
