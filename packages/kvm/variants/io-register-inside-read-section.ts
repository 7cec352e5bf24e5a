/** Assigning an ioeventfd keeps a read section of kvm->srcu open around the registration. */
import type { Task } from '@faultline/machine';
import { ioBusRegisterDev } from '../src/virt/io-bus-register.ts';
import type { IoBus, Ioeventfd } from '../src/virt/io-bus-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/ioeventfd-ioctl.ts#registerIoeventfd d45c41eb */
export function* registerIoeventfd(kvm: Kvm, idx: number, p: Ioeventfd): Task<number> {
  const section = yield* kvm.srcu.readLock();
  const result = yield* ioBusRegisterDev(kvm, idx, p.base, p.length, p.dev);
  const bus = yield* kvm.buses.at(idx).rcuDereference();
  if (result === 0) (bus as IoBus).ioeventfdCount++;
  yield* kvm.srcu.readUnlock(section);
  return result;
}
