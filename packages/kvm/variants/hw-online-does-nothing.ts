/** KVM is told of a CPU that has come up, and leaves it as it is. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import type { KvmHardware } from '../src/virt/hardware-enable-state.ts';

/** @replaces packages/kvm/src/virt/hardware-hotplug.ts#onlineCpu c2942f5e */
export function* onlineCpu(hw: KvmHardware, _cpu: HostCpu): Task<number> {
  yield* hw.kvmLock.lock();
  yield* hw.kvmLock.unlock();
  return 0;
}
