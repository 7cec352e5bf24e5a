/** Registering lets go of slots_lock between the copy and its publication. */
import type { Task } from '@faultline/machine';
import { copyWith } from '../src/virt/io-bus-register.ts';
import { IoBus } from '../src/virt/io-bus-state.ts';
import type { IoDevice } from '../src/virt/io-device-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/io-bus-register.ts#ioBusRegisterDev 74c10c8f */
export function* ioBusRegisterDev(
  kvm: Kvm,
  idx: number,
  addr: number,
  len: number,
  dev: IoDevice,
): Task<number> {
  const found = (yield* kvm.buses.at(idx).rcuDereference()) as IoBus;
  const bus = copyWith(found, addr, len, dev);
  yield* kvm.slotsLock.unlock();
  yield* kvm.slotsLock.lock();
  const old = (yield* kvm.buses.at(idx).xchg(bus)) as IoBus;
  yield* kvm.srcu.synchronize();
  IoBus.free(old);
  return 0;
}
