/** A fault allocates what it may need with mmu_lock held, and waits until there is memory. */
import type { Task } from '@faultline/machine';
import { type MmStruct, putPage, waitForFrame } from '../src/host/mm.ts';
import { invalidationCovers } from '../src/virt/invalidate-range.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import type { Faultin } from '../src/x86/direct-page-fault.ts';
import type { PageFault } from '../src/x86/page-fault.ts';

/** @replaces packages/kvm/src/x86/direct-page-fault.ts#isPageFaultStale 80665597 */
export function* isPageFaultStale(vcpu: Vcpu, _fault: PageFault, { seq, hva }: Faultin): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  const mm = kvm.mmStruct as MmStruct;
  yield* putPage(mm, yield* waitForFrame(mm));
  if (invalidationCovers(kvm, hva)) return true;
  return (yield* kvm.mmuInvalidateSeq.readOnce()) !== seq;
}
