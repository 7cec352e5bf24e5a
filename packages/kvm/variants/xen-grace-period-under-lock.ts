/** Ports are closed and reset with xen_lock held until every sender is gone. The code before a79b53aaaab5, but for the lock. */
import type { Task } from '@faultline/machine';
import { ENOENT } from '../src/errno.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { idrEach, idrRemove } from '../src/x86/xen-idr.ts';
import { lockXen, unlockXen } from '../src/x86/xen-lock.ts';
import { freeRecord } from '../src/x86/xen-ports.ts';
import type { Evtchnfd } from '../src/x86/xen-state.ts';

/** @replaces packages/kvm/src/x86/xen-ports.ts#evtchnDeassign 9f0f937d */
export function* evtchnDeassign(kvm: Kvm, port: number): Task<number> {
  yield* lockXen(kvm);
  const record = yield* idrRemove(kvm, port);
  if (record !== null) yield* kvm.srcu.synchronize();
  yield* unlockXen(kvm);
  if (record === null) return -ENOENT;
  yield* freeRecord(record);
  return 0;
}

/** @replaces packages/kvm/src/x86/xen-ports.ts#evtchnReset f114f160 */
export function* evtchnReset(kvm: Kvm): Task<number> {
  yield* lockXen(kvm);
  for (const port of yield* idrEach(kvm)) {
    const record = (yield* idrRemove(kvm, port)) as Evtchnfd;
    yield* kvm.srcu.synchronize();
    yield* freeRecord(record);
  }
  yield* unlockXen(kvm);
  return 0;
}
