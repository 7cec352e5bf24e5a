/** As from 5.14 on, with the protocol of before: a task on the run queue was preempted, also on its way to sleep. */
import type { Task } from '@faultline/machine';
import type { VcpuPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-run.ts#wasPreempted 9e46a2e4 */
export function* wasPreempted(_pi: VcpuPi): Task<number> {
  return 1;
}
