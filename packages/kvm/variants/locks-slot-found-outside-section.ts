/** KVM_XEN_ATTR_TYPE_SHARED_INFO finds the slot of the page without opening a section. */
import type { Task } from '@faultline/machine';
import { type Gfn, gpaOf } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { GfnToPfnCache } from '../src/virt/pfncache-state.ts';
import { pointAt } from '../src/x86/xen-attr.ts';
import { lockXen, unlockXen } from '../src/x86/xen-lock.ts';
import type { KvmXen } from '../src/x86/xen-state.ts';

/** @replaces packages/kvm/src/x86/xen-attr.ts#xenSetSharedInfo 57350528 */
export function* xenSetSharedInfo(kvm: Kvm, gfn: Gfn | null): Task<number> {
  const gpc = (kvm.xen as KvmXen).shinfoCache as GfnToPfnCache;
  yield* lockXen(kvm);
  const result = yield* pointAt(kvm, gpc, gfn === null ? null : gpaOf(gfn));
  yield* unlockXen(kvm);
  return result;
}
