/** A schedule: which thread goes at each step, and what it chooses where it chooses. Enough to repeat an execution. */
export interface Schedule {
  /** Thread numbers, from 0. */
  readonly threads: readonly number[];
  /** Outcome of each step that is a choice, 0 for all others. */
  readonly choices: readonly number[];
}

/** Times the schedule goes from one thread to another. */
export function contextSwitches(schedule: Schedule): number {
  let switches = 0;
  for (let i = 1; i < schedule.threads.length; i++) {
    if (schedule.threads[i] !== schedule.threads[i - 1]) switches++;
  }
  return switches;
}
