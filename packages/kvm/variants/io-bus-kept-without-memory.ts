/** Unregistering without memory for a smaller array leaves the bus as it is, and says so to its caller. */
import type { Task } from '@faultline/machine';
import { ENOMEM } from '../src/errno.ts';
import { kmallocFails } from '../src/host/kmalloc.ts';
import { copyWithout, positionOf } from '../src/virt/io-bus-register.ts';
import { IoBus } from '../src/virt/io-bus-state.ts';
import type { IoDevice } from '../src/virt/io-device-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/io-bus-register.ts#ioBusUnregisterDev 9132c4dc */
export function* ioBusUnregisterDev(kvm: Kvm, idx: number, dev: IoDevice): Task<number> {
  const old = yield* kvm.buses.at(idx).rcuDereference();
  if (old === null) return 0;
  const position = positionOf(old, dev);
  if (position < 0) return 0;
  if (yield* kmallocFails(kvm, 'kvm_io_bus')) return -ENOMEM;
  yield* kvm.buses.at(idx).assign(copyWithout(old, position));
  yield* kvm.srcu.synchronize();
  IoBus.free(old);
  return 0;
}
