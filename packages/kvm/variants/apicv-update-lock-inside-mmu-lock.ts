/** A fault looks once more under mmu_lock whether APICv is on, and takes apicv_update_lock for that. */
import type { Task } from '@faultline/machine';
import { invalidationCovers } from '../src/virt/invalidate-range.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import type { KvmArch } from '../src/x86/apicv-state.ts';
import type { Faultin } from '../src/x86/direct-page-fault.ts';
import { rootOf } from '../src/x86/mmu-page.ts';
import type { PageFault } from '../src/x86/page-fault.ts';

/** @replaces packages/kvm/src/x86/direct-page-fault.ts#isPageFaultStale 80665597 */
export function* isPageFaultStale(vcpu: Vcpu, fault: PageFault, { seq, hva }: Faultin): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  const { apicvUpdateLock } = kvm.arch as KvmArch;
  yield* apicvUpdateLock.readLock();
  const now = yield* kvm.mmuInvalidateSeq.readOnce();
  yield* apicvUpdateLock.readUnlock();
  fault.waitFor = [];
  if ((yield* rootOf(vcpu).invalid.readOnce()) !== 0) return true;
  return invalidationCovers(kvm, hva) || now !== seq;
}
