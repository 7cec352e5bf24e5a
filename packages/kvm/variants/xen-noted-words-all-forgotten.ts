/** Passing noted words on clears all of them, also those that were noted since they were read. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { gpcCheck, gpcPage, gpcRefreshSame } from '../src/virt/pfncache.ts';
import type { GfnToPfnCache } from '../src/virt/pfncache-state.ts';
import { UPCALL_PENDING } from '../src/x86/xen-pages.ts';
import type { VcpuXen } from '../src/x86/xen-state.ts';

/** @replaces packages/kvm/src/x86/xen-evtchn.ts#xenInjectPendingEvents 349f2b6b */
export function* xenInjectPendingEvents(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  const xen = vcpu.xen as VcpuXen;
  const sel = yield* xen.evtchnPendingSel.readOnce();
  if (sel === 0) return;
  const gpc = xen.vcpuInfoCache as GfnToPfnCache;
  yield* gpc.lock.readLock();
  while (!(yield* gpcCheck(kvm, gpc))) {
    yield* gpc.lock.readUnlock();
    if ((yield* gpcRefreshSame(kvm, gpc)) !== 0) return;
    yield* gpc.lock.readLock();
  }
  const { content } = gpcPage(kvm, gpc);
  yield* content.fetchOr(BigInt(sel));
  yield* xen.evtchnPendingSel.writeOnce(0);
  yield* content.fetchOr(UPCALL_PENDING);
  yield* gpc.lock.readUnlock();
}
