/** The sleeping vCPUs are woken before the device counts: they look, and go back to sleep as before. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { unblockAll } from '../src/x86/posted-intr-deliver.ts';
import type { VmPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-deliver.ts#startAssignment 1b948b85 */
export function* startAssignment(vm: VmPi): Task {
  if ((yield* vm.assignedDeviceCount.readOnce()) === 0) yield* unblockAll(vm.kvm as Kvm);
  yield* vm.assignedDeviceCount.fetchAdd(1);
}
