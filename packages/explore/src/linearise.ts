/** The interleaving of one Mazurkiewicz trace with the fewest context switches. */
import type { Events } from './events.ts';
import type { Schedule } from './schedule.ts';

/** More states than this are not searched. */
const MAX_STATES = 300_000;

/**
 * A schedule of the same trace as the events on the stack with as few context switches as possible; the last event stays
 * last. Null if there are too many to compare.
 */
export function fewestSwitches(events: Events): Schedule | null {
  const { threads, depth } = events;
  const lists = eventsOfThreads(events);
  let states = threads + 1;
  for (const list of lists) states *= list.length + 1;
  if (states > MAX_STATES || depth === 0) return null;
  const order = search(events, lists);
  if (order === null) return null;
  return { threads: order.map((i) => events.thread[i]), choices: order.map((i) => events.choice[i]) };
}

function eventsOfThreads(events: Events): number[][] {
  const lists: number[][] = Array.from({ length: events.threads }, () => []);
  for (let i = 0; i < events.depth; i++) lists[events.thread[i]].push(i);
  return lists;
}

interface Place {
  /** Events done of each thread. */
  readonly done: readonly number[];
  /** The last thread of the program that went. */
  readonly last: number;
  /** Who went to get here. */
  readonly went: number;
  readonly from: Place | null;
}

/** Breadth first by number of switches. */
function search(events: Events, lists: readonly number[][]): number[] | null {
  const seen = new Set<string>();
  const needs = clocksOf(events);
  let layer: Place[] = [{ done: lists.map(() => 0), last: -1, went: -1, from: null }];
  while (layer.length > 0) {
    const next: Place[] = [];
    for (let k = 0; k < layer.length; k++) {
      const place = layer[k];
      const key = `${place.last}:${place.done}`;
      if (seen.has(key)) continue;
      seen.add(key);
      if (place.done.every((n, t) => n === lists[t].length)) return orderOf(place, lists);
      // Store buffers first: what can be written at once is easiest to read.
      for (let k = 0; k < lists.length; k++) {
        const t = (k + events.programs) % lists.length;
        const i = lists[t][place.done[t]];
        if (i === undefined || !available(events, needs, i, place.done)) continue;
        const last = t < events.programs ? t : place.last;
        const step = { done: place.done.map((n, q) => (q === t ? n + 1 : n)), last, went: t, from: place };
        if (last === place.last) layer.push(step);
        else next.push(step);
      }
    }
    layer = next;
  }
  return null;
}

/** Whether all that event `i` of thread `t` depends on is done; the last event waits for all others. */
function available(events: Events, needs: readonly number[][], i: number, done: readonly number[]): boolean {
  if (i === events.depth - 1) return done.reduce((a, b) => a + b, 0) === events.depth - 1;
  return needs[i].every((n, q) => n <= done[q]);
}

/** For each event and thread the number of that thread's events that come before it. */
function clocksOf(events: Events): number[][] {
  const { threads, thread, index, depth } = events;
  return Array.from({ length: depth }, (_, i) => {
    const clock = new Array<number>(threads).fill(0);
    for (let k = 0; k < i; k++) if (events.happensBefore(k, i)) clock[thread[k]] = index[k];
    return clock;
  });
}

function orderOf(place: Place, lists: readonly number[][]): number[] {
  const order: number[] = [];
  for (let at = place; at.from !== null; at = at.from) order.push(lists[at.went][at.done[at.went] - 1]);
  return order.reverse();
}
