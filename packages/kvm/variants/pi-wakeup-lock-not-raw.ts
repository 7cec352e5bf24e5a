/** The lock of the wake-up list is an ordinary spinlock. */
import type { SpinLock } from '@faultline/machine';
import type { PiPerCpu, VmPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-state.ts#wakeupLock 188486a8 */
export function wakeupLock(_vm: VmPi, percpu: PiPerCpu): SpinLock {
  return percpu.blockedVcpuOnCpuLock;
}
