/** Every fault is fixed under mmu_lock. */
import type { Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import type { Memslot } from '../src/virt/memslots.ts';
import type { PageFault } from '../src/x86/page-fault.ts';
import { RetPf } from '../src/x86/ret-pf.ts';

/** @replaces packages/kvm/src/x86/fast-page-fault.ts#fastPageFault 22d86742 */
/** @kernel fast_page_fault arch/x86/kvm/mmu/mmu.c */
export function* fastPageFault(_vcpu: Vcpu, _fault: PageFault, _slot: Memslot): Task<number> {
  return RetPf.INVALID;
}
