/** Deassigning frees the ioeventfd, then takes its device off the bus. */
import type { Task } from '@faultline/machine';
import { ioBusUnregisterDev } from '../src/virt/io-bus-register.ts';
import type { Ioeventfd } from '../src/virt/io-bus-state.ts';
import { ioeventfdRelease } from '../src/virt/ioeventfd.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/ioeventfd-ioctl.ts#unregisterIoeventfd e699a690 */
export function* unregisterIoeventfd(kvm: Kvm, idx: number, p: Ioeventfd): Task {
  const { dev } = p;
  yield* ioeventfdRelease(kvm, p);
  yield* ioBusUnregisterDev(kvm, idx, dev);
  const bus = yield* kvm.buses.at(idx).rcuDereference();
  if (bus !== null) bus.ioeventfdCount--;
}
