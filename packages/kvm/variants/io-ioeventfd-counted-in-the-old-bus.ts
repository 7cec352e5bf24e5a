/** Assigning counts the ioeventfd through the pointer to the bus that it fetched before it registered. */
import type { Task } from '@faultline/machine';
import { ioBusRegisterDev } from '../src/virt/io-bus-register.ts';
import type { IoBus, Ioeventfd } from '../src/virt/io-bus-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/ioeventfd-ioctl.ts#registerIoeventfd d45c41eb */
export function* registerIoeventfd(kvm: Kvm, idx: number, p: Ioeventfd): Task<number> {
  const bus = (yield* kvm.buses.at(idx).rcuDereference()) as IoBus;
  const result = yield* ioBusRegisterDev(kvm, idx, p.base, p.length, p.dev);
  if (result === 0) bus.ioeventfdCount++;
  return result;
}
