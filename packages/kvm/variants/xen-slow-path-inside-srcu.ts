/** The slow way of delivering is inside a read section of kvm->srcu from before it takes its lock. */
import type { Task } from '@faultline/machine';
import { EWOULDBLOCK } from '../src/errno.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { setEvtchnSlow, xenSetEvtchnFast } from '../src/x86/xen-evtchn.ts';
import type { XenEvtchn } from '../src/x86/xen-state.ts';

/** @replaces packages/kvm/src/x86/xen-evtchn.ts#xenSetEvtchn 403bc63d */
export function* xenSetEvtchn(kvm: Kvm, xe: XenEvtchn): Task<number> {
  const idx = yield* kvm.srcu.readLock();
  let result = yield* xenSetEvtchnFast(kvm, xe);
  if (result === -EWOULDBLOCK) result = yield* setEvtchnSlow(kvm, xe);
  yield* kvm.srcu.readUnlock(idx);
  return result;
}
