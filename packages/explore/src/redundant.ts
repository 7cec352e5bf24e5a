/**
 * Whether the reversal of a race would lead where the search has been: the sequence to be planned from a node begins, or
 * could begin, with a step that sleeps there. Told from the order of events, without making the sequence.
 */
import type { Events } from './events.ts';
import { conflicts, partOf, partsOf, sameWordConflicts, wordOf } from './footprint.ts';
import type { SleepSets } from './sleep-sets.ts';

/**
 * Whether a step that sleeps at node `i` could come first in the sequence of the events after `i` that do not depend on
 * it and then the step of thread `t` with this outcome and the footprint `last`.
 */
export function anyComesFirst(
  i: number,
  t: number,
  choice: number,
  last: number,
  events: Events,
  sleep: SleepSets,
): boolean {
  for (let bits = sleep.asleep[i]; bits !== 0; bits &= bits - 1) {
    const q = 31 - Math.clz32(bits & -bits);
    if (q === t ? comesFirst(i, q, choice, 0, events, sleep) : comesFirst(i, q, -1, last, events, sleep))
      return true;
  }
  return false;
}

/** The same for the step of thread `q` alone; `choice` is -1 unless the last step is its own. */
export function comesFirst(
  i: number,
  q: number,
  choice: number,
  last: number,
  events: Events,
  sleep: SleepSets,
): boolean {
  const first = events.firstAfter(i, q);
  if (first >= 0 && !events.order.orders(i, first)) {
    // The thread goes on in the sequence. What its event has to wait for, if anything, conflicts with the sleeping step.
    return events.order.latest[first] < i && sleep.sleeps(i, q, events.choice[first]);
  }
  if (choice >= 0 && !sleep.sleeps(i, q, choice)) return false;
  const foot = sleep.footOf(i, q);
  return !conflicts(foot, last) && !anyConflicts(i, foot, first, events);
}

/**
 * Whether an event after `i` that does not depend on it conflicts with the footprint. If event `first`, which depends on
 * `i`, has that footprint, no event after it is of this kind.
 */
function anyConflicts(i: number, foot: number, first: number, events: Events): boolean {
  const { head, partFrom, partBefore } = events;
  if (foot > 0) {
    const same = first >= 0 && events.foot[first] === foot;
    return chainConflicts(i, foot, same ? partBefore[partFrom[first]] : head[wordOf(foot)], events);
  }
  const n = partsOf(foot);
  for (let p = 0; p < n; p++) {
    const one = partOf(foot, p);
    if (chainConflicts(i, one, head[wordOf(one)], events)) return true;
  }
  return false;
}

function chainConflicts(i: number, one: number, from: number, events: Events): boolean {
  const { partEvent, partFoot, partBefore, order } = events;
  for (let e = from; e >= 0 && partEvent[e] > i; e = partBefore[e]) {
    if (sameWordConflicts(partFoot[e], one) && !order.orders(i, partEvent[e])) return true;
  }
  return false;
}
