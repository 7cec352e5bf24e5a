/** A CPU that comes back from sleep takes kvm_lock to look at the usage count, with interrupts off. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import { hardwareEnableNolock } from '../src/virt/hardware-enable-cpu.ts';
import type { KvmHardware } from '../src/virt/hardware-enable-state.ts';

/** @replaces packages/kvm/src/virt/hardware-suspend.ts#kvmResume ea901e62 */
export function* kvmResume(hw: KvmHardware, cpu: HostCpu): Task {
  yield* hw.kvmLock.lock();
  if (hw.kvmUsageCount !== 0) yield* hardwareEnableNolock(hw, cpu);
  yield* hw.kvmLock.unlock();
}
