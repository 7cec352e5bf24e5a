/** Who is running. Set by whatever drives the tasks (the explorer before each resume, a worker once). */
export const current = {
  /** 0 while setting up or judging, 1 .. n inside a thread of a scenario. */
  task: 0,
  /** The CPU that the task runs on; a task that never migrates runs on CPU `task - 1`. */
  cpu: 0,
  /** Site of the `yield*` under way (explored build), 0 outside. */
  site: 0,
};
