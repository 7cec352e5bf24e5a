/** The word's bit and the upcall are set first, the port's bit after them. */
import type { Task } from '@faultline/machine';
import { EINVAL } from '../src/errno.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { setPending, setSelector, targetOf, unblock } from '../src/x86/xen-evtchn.ts';
import { bitsPerWord, maxEvtchnPort } from '../src/x86/xen-pages.ts';
import type { XenEvtchn } from '../src/x86/xen-state.ts';

/** @replaces packages/kvm/src/x86/xen-evtchn.ts#xenSetEvtchnFast 6138e950 */
export function* xenSetEvtchnFast(kvm: Kvm, xe: XenEvtchn): Task<number> {
  const vcpu = yield* targetOf(kvm, xe);
  if (vcpu === null || xe.port >= maxEvtchnPort(kvm)) return -EINVAL;
  const idx = yield* kvm.srcu.readLock();
  const kick = yield* setSelector(kvm, vcpu, Math.floor(xe.port / bitsPerWord(kvm)));
  const result = yield* setPending(kvm, vcpu, xe.port);
  yield* kvm.srcu.readUnlock(idx);
  if (kick) yield* unblock(vcpu);
  return result;
}
