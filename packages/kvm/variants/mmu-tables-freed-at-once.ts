/** An unlinked page table is freed at once, as if nobody could still stand in it. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { MmuPage } from '../src/x86/mmu-page.ts';

/** @replaces packages/kvm/src/x86/tdp-free.ts#callRcu 02613c46 */
/** @kernel tdp_mmu_free_sp_rcu_callback arch/x86/kvm/mmu/tdp_mmu.c */
export function* callRcu(_kvm: Kvm, page: MmuPage): Task {
  MmuPage.free(page);
}
