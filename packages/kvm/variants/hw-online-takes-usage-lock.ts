/** A CPU that comes up looks at the usage count under its lock, as it did when that was kvm_lock. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import type { KvmHardware } from '../src/virt/hardware-enable-state.ts';
import { enableHere } from '../src/virt/hardware-hotplug.ts';

/** @replaces packages/kvm/src/virt/hardware-hotplug.ts#onlineCpu c2942f5e */
export function* onlineCpu(hw: KvmHardware, cpu: HostCpu): Task<number> {
  if ((yield* hw.stateInstalled.readOnce()) === 0) return 0;
  yield* hw.kvmUsageLock.lock();
  const result = hw.kvmUsageCount !== 0 ? yield* enableHere(hw, cpu) : 0;
  yield* hw.kvmUsageLock.unlock();
  return result;
}
