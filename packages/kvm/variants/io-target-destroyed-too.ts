/** Giving a bus up destroys all its devices, the one that the caller is about to free among them. */
import type { Task } from '@faultline/machine';
import { ENOMEM } from '../src/errno.ts';
import { kmallocFails } from '../src/host/kmalloc.ts';
import { copyWithout, destroyAllBut, positionOf } from '../src/virt/io-bus-register.ts';
import { IoBus } from '../src/virt/io-bus-state.ts';
import type { IoDevice } from '../src/virt/io-device-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/io-bus-register.ts#ioBusUnregisterDev 9132c4dc */
export function* ioBusUnregisterDev(kvm: Kvm, idx: number, dev: IoDevice): Task<number> {
  const old = yield* kvm.buses.at(idx).rcuDereference();
  if (old === null) return 0;
  const position = positionOf(old, dev);
  if (position < 0) return 0;
  const failed = yield* kmallocFails(kvm, 'kvm_io_bus');
  yield* kvm.buses.at(idx).assign(failed ? null : copyWithout(old, position));
  yield* kvm.srcu.synchronize();
  if (failed) yield* destroyAllBut(kvm, old, null);
  IoBus.free(old);
  return failed ? -ENOMEM : 0;
}
