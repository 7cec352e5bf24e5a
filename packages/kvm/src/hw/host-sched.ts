/**
 * @area pi
 *
 * The scheduler, as far as a task that is a vCPU meets it: sleeping, waking up, losing the CPU, and coming back on the
 * same CPU or on another. The switch away runs with interrupts off and the run-queue lock held.
 *
 * The state of the task is `blocking`: 1 while it is not to run.
 */
import { type Cell, choose, retryAfterChange, type Seen, type Task } from '@faultline/machine';
import { cpuOf, type HostCpu, type HostCpus, localIrqRestore, localIrqSave } from './host-cpu.ts';

/** Up to here the task runs on `cpu`, and from here on it does not. @kernel prepare_task_switch kernel/sched/core.c */
export function* beginSwitch(cpu: HostCpu): Task {
  yield* localIrqSave(cpu);
  yield* cpu.rqLock.lock();
}

/** Another task runs on `cpu`. @kernel finish_task_switch kernel/sched/core.c */
export function* endSwitch(cpu: HostCpu): Task {
  yield* cpu.rqLock.unlock();
  yield* localIrqRestore(cpu);
}

/** Until the task is to run. */
export function* wokenUp(state: Cell<number>): Task {
  const asleep: Seen[] = [[state, 1]];
  yield* retryAfterChange(asleep);
}

/** The CPU where a task runs next. @kernel select_task_rq kernel/sched/core.c */
export function* nextCpu(cpus: HostCpus): Task<HostCpu> {
  return cpuOf(cpus, cpus.count === 1 ? 0 : yield* choose('CPU that the task runs on', cpus.count));
}

/** Makes a task that sleeps runnable, if it does. @kernel try_to_wake_up kernel/sched/core.c */
export function* tryToWakeUp(state: Cell<number>, lastOn: HostCpu): Task<boolean> {
  yield* lastOn.rqLock.lock();
  const woken = (yield* state.cmpxchg(1, 0)) === 1;
  yield* lastOn.rqLock.unlock();
  return woken;
}
