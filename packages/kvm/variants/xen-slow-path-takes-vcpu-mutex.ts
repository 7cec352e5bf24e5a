/** The slow way keeps the vCPU still while it delivers: its mutex is taken inside xen_lock, unless the vCPU itself sends. */
import type { Task } from '@faultline/machine';
import { EWOULDBLOCK } from '../src/errno.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { setEvtchnSlow, targetOf, xenSetEvtchnFast } from '../src/x86/xen-evtchn.ts';
import { lockXen, unlockXen } from '../src/x86/xen-lock.ts';
import type { XenEvtchn } from '../src/x86/xen-state.ts';

/** @replaces packages/kvm/src/x86/xen-evtchn.ts#xenSetEvtchn 403bc63d */
export function* xenSetEvtchn(kvm: Kvm, xe: XenEvtchn): Task<number> {
  const first = yield* xenSetEvtchnFast(kvm, xe);
  if (first !== -EWOULDBLOCK) return first;
  // The port of the work item in its scenario; the other belongs to the vCPU.
  if (xe.port !== 1) {
    yield* lockXen(kvm);
    const vcpu = (yield* targetOf(kvm, xe)) as Vcpu;
    yield* vcpu.mutex.lock();
    yield* vcpu.mutex.unlock();
    yield* unlockXen(kvm);
  }
  return yield* setEvtchnSlow(kvm, xe);
}
