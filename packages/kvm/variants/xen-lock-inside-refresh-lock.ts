/** A vCPU that passes events on keeps vcpu_info where it is: refresh_lock is taken first, and xen_lock inside. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { gpcCheck, gpcPage, gpcRefreshSame } from '../src/virt/pfncache.ts';
import type { GfnToPfnCache } from '../src/virt/pfncache-state.ts';
import { lockXen, unlockXen } from '../src/x86/xen-lock.ts';
import { UPCALL_PENDING } from '../src/x86/xen-pages.ts';
import type { VcpuXen } from '../src/x86/xen-state.ts';

/** @replaces packages/kvm/src/x86/xen-evtchn.ts#xenInjectPendingEvents 349f2b6b */
export function* xenInjectPendingEvents(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  const xen = vcpu.xen as VcpuXen;
  const sel = yield* xen.evtchnPendingSel.readOnce();
  if (sel === 0) return;
  const gpc = xen.vcpuInfoCache as GfnToPfnCache;
  for (;;) {
    yield* gpc.refreshLock.lock();
    yield* lockXen(kvm);
    const usable = yield* passOn(kvm, gpc, sel);
    yield* unlockXen(kvm);
    yield* gpc.refreshLock.unlock();
    if (usable) break;
    if ((yield* gpcRefreshSame(kvm, gpc)) !== 0) return;
  }
  yield* xen.evtchnPendingSel.fetchAndnot(sel);
}

function* passOn(kvm: Kvm, gpc: GfnToPfnCache, sel: number): Task<boolean> {
  yield* gpc.lock.readLock();
  const usable = yield* gpcCheck(kvm, gpc);
  if (usable) yield* gpcPage(kvm, gpc).content.fetchOr(BigInt(sel) | UPCALL_PENDING);
  yield* gpc.lock.readUnlock();
  return usable;
}
