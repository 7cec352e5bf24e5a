/** A vCPU that is back leaves the list of the CPU where it slept, under the lock of the CPU where it is. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import { percpuOf, unlink } from '../src/x86/posted-intr.ts';
import { ownCpu, type VcpuPi, type VmPi, wakeupLock } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr.ts#leaveWakeupList c868fea2 */
export function* leaveWakeupList(pi: VcpuPi, cpu: HostCpu): Task {
  const lock = wakeupLock(pi.vm as VmPi, percpuOf(pi, ownCpu(pi)));
  yield* lock.lock();
  unlink(percpuOf(pi, cpu), pi);
  yield* lock.unlock();
}
