/** A schedule: which thread goes at each step, and what it chooses where it chooses. Enough to repeat an execution. */
export interface Schedule {
  /** Thread numbers, from 0. */
  readonly threads: readonly number[];
  /** Outcome of each step that is a choice, 0 for all others. */
  readonly choices: readonly number[];
}

/** Times the schedule goes from one of the `threads` threads to another; flushers of store buffers do not count. */
export function contextSwitches(schedule: Schedule, threads = Number.POSITIVE_INFINITY): number {
  let switches = 0;
  let last = -1;
  for (const thread of schedule.threads) {
    if (thread >= threads) continue;
    if (last >= 0 && thread !== last) switches++;
    last = thread;
  }
  return switches;
}
