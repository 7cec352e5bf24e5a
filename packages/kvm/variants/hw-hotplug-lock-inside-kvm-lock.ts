/** Who counts VMs takes kvm_lock first, and inside it the lock that keeps CPUs from coming and going. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import { HardwareForm, type KvmHardware } from '../src/virt/hardware-enable-state.ts';

/** @replaces packages/kvm/src/virt/hardware-enable.ts#lockUsage f472f741 */
export function* lockUsage(hw: KvmHardware, own: HostCpu): Task {
  if (hw.form === HardwareForm.KVM_LOCK) {
    yield* hw.kvmLock.lock();
    yield* hw.cpuHotplugLock.readLock();
  } else if (hw.form === HardwareForm.USAGE_LOCK) {
    yield* hw.kvmUsageLock.lock();
  } else {
    yield* own.preempt.lock();
    yield* hw.kvmCountLock.lock();
  }
}
