/** A vCPU is kicked for each event, whether its word was new or not. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { gpcCheck, gpcPage } from '../src/virt/pfncache.ts';
import type { GfnToPfnCache } from '../src/virt/pfncache-state.ts';
import { selBit, UPCALL_PENDING } from '../src/x86/xen-pages.ts';
import type { VcpuXen } from '../src/x86/xen-state.ts';

/** @replaces packages/kvm/src/x86/xen-evtchn.ts#setSelector 83e76e75 */
export function* setSelector(kvm: Kvm, vcpu: Vcpu, word: number): Task<boolean> {
  const xen = vcpu.xen as VcpuXen;
  const gpc = xen.vcpuInfoCache as GfnToPfnCache;
  yield* gpc.lock.readLock();
  if (yield* gpcCheck(kvm, gpc)) {
    const { content } = gpcPage(kvm, gpc);
    yield* content.fetchOr(selBit(word));
    yield* content.fetchOr(UPCALL_PENDING);
  } else {
    yield* xen.evtchnPendingSel.fetchOr(1 << word);
  }
  yield* gpc.lock.readUnlock();
  return true;
}
