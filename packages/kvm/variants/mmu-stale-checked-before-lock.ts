/** The check is made, and mmu_lock is let go of and taken again before the frame is installed. */
import type { Task } from '@faultline/machine';
import { invalidationCovers } from '../src/virt/invalidate-range.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import type { Faultin } from '../src/x86/direct-page-fault.ts';
import { rootOf } from '../src/x86/mmu-page.ts';
import type { PageFault } from '../src/x86/page-fault.ts';

/** @replaces packages/kvm/src/x86/direct-page-fault.ts#isPageFaultStale 80665597 */
/** @kernel is_page_fault_stale arch/x86/kvm/mmu/mmu.c */
export function* isPageFaultStale(vcpu: Vcpu, fault: PageFault, { seq, hva }: Faultin): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  if ((yield* rootOf(vcpu).invalid.readOnce()) !== 0) {
    fault.waitFor = [];
    return true;
  }
  const stale = invalidationCovers(kvm, hva) || (yield* kvm.mmuInvalidateSeq.readOnce()) !== seq;
  yield* kvm.mmuLock.readUnlock();
  yield* kvm.mmuLock.readLock();
  return stale;
}
