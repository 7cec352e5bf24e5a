/** The VM stops counting when its first descriptor is closed, although its vCPU has one. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import { hardwareDisableAll } from '../src/virt/hardware-enable.ts';
import type { KvmHardware } from '../src/virt/hardware-enable-state.ts';
import { HardwareVm } from '../src/virt/hardware-user.ts';

/** @replaces packages/kvm/src/virt/hardware-user.ts#putVm c25ebbd9 */
export function* putVm(vm: HardwareVm, own: HostCpu): Task {
  const users = yield* vm.usersCount.fetchAdd(-1 >>> 0);
  if (users === 2) yield* hardwareDisableAll(vm.hw as KvmHardware, own);
  if (users === 1) HardwareVm.free(vm);
}
