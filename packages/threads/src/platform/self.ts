/** What the platform knows of the worker that it runs in: who else runs, and what is to be reported. */
export const self = {
  /** True while nothing else touches the arena: set-up, judging, a run of one thread. */
  alone: true,
  /** Names of the scenario's threads; task n is `threads[n - 1]`. */
  threads: [] as readonly string[],
  /** WARNs of the round. */
  warnings: [] as string[],
  /** Word 0 is not 0 once a thread of the round has failed: nobody waits on. */
  abort: new Int32Array(new SharedArrayBuffer(4)),
  /** A wait that takes longer is reported as stuck. */
  stuckAfterMs: 10_000,
};

/** 'vcpu0' for task 1. */
export function taskName(task: number): string {
  return task === 0 ? 'set-up' : (self.threads[task - 1] ?? `task ${task}`);
}
