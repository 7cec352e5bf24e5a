/** A fault allocates with mmu_lock held, and reclaims memory itself: the notifier of its own mm wants mmu_lock. */
import type { Task } from '@faultline/machine';
import { swapOut } from '../src/host/reclaim.ts';
import { type Hva, PAGE_SIZE } from '../src/types.ts';
import { invalidationCovers } from '../src/virt/invalidate-range.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import type { Faultin } from '../src/x86/direct-page-fault.ts';
import type { PageFault } from '../src/x86/page-fault.ts';

/** @replaces packages/kvm/src/x86/direct-page-fault.ts#isPageFaultStale 80665597 */
export function* isPageFaultStale(vcpu: Vcpu, _fault: PageFault, { seq, hva }: Faultin): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  yield* swapOut(kvm, PAGE_SIZE as Hva);
  if (invalidationCovers(kvm, hva)) return true;
  return (yield* kvm.mmuInvalidateSeq.readOnce()) !== seq;
}
