/**
 * Throwing translations away. The page table of this model has one level, so zapping everything visits every entry.
 */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../virt/kvm.ts';
import type { MmuPage } from './mmu-page.ts';

/** Zaps every SPTE of the VM. Under slots_lock. @kernel kvm_mmu_zap_all_fast arch/x86/kvm/mmu/mmu.c */
export function* zapAll(kvm: Kvm): Task {
  yield* kvm.mmuLock.writeLock();
  for (let asId = 0; asId < kvm.config.addressSpaces; asId++) {
    const root = kvm.roots.get(asId) as MmuPage;
    for (let i = 0; i < root.entries; i++) yield* root.spt.at(i).xchg(0n);
  }
  yield* kvm.mmuLock.writeUnlock();
}
