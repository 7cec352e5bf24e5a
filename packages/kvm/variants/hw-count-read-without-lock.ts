/** A CPU that comes up looks at the count without its lock. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import { hardwareEnableNolock } from '../src/virt/hardware-enable-cpu.ts';
import type { KvmHardware } from '../src/virt/hardware-enable-state.ts';

/** @replaces packages/kvm/src/virt/hardware-hotplug.ts#startingCpu ffd70098 */
export function* startingCpu(hw: KvmHardware, cpu: HostCpu): Task {
  if (hw.kvmUsageCount !== 0) yield* hardwareEnableNolock(hw, cpu);
}
