/** Who meets on the locks of a Xen guest's events: threads of several scenarios. */
import type { Kvm } from '@faultline/kvm';
import { allocRegisterDevice, lockAllVcpus, unlockAllVcpus } from '@faultline/kvm/seams';
import { choose, type Task } from '@faultline/machine';
import { registerDevice } from '../io/bus-vm.ts';

/** Two things that are done under kvm->lock, both in the documented order. */
export const VmIoctl = { STOPS_VCPUS: 0, ADDS_DEVICE: 1 } as const;

/** An ioctl of the VM: stops every vCPU, as SEV migration does, or adds a device, as KVM_CREATE_IRQCHIP does. Returns which. */
export function* someVmIoctl(kvm: Kvm): Task<number> {
  const which = yield* choose('ioctl of the VM', 2);
  if (which === VmIoctl.STOPS_VCPUS) yield* stopVcpus(kvm);
  else yield* addDevice(kvm);
  return which;
}

export function* stopVcpus(kvm: Kvm): Task {
  yield* kvm.lock.lock();
  yield* lockAllVcpus(kvm);
  yield* unlockAllVcpus(kvm);
  yield* kvm.lock.unlock();
}

/** The bus is replaced, and nobody may be walking the old one: waits for readers of kvm->srcu under kvm->lock. */
export function* addDevice(kvm: Kvm): Task {
  yield* kvm.lock.lock();
  yield* registerDevice(kvm, 0, allocRegisterDevice());
  yield* kvm.lock.unlock();
}
