/**
 * Throwing translations away. The page table of this model has one level, so zapping everything visits every entry.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { flushRemoteTlbs } from './flush.ts';
import type { MmuPage } from './mmu-page.ts';
import { zapLeaf } from './tdp-zap.ts';

/** Zaps every SPTE of the VM. Under slots_lock. @kernel kvm_mmu_zap_all_fast arch/x86/kvm/mmu/mmu.c */
export function* zapAll(kvm: Kvm): Task {
  yield* kvm.mmuLock.writeLock();
  if (kvm.config.tdpMmu === 1) {
    for (let gfn = 0; gfn < kvm.config.maxGfn; gfn++) yield* zapLeaf(kvm, gfn as Gfn);
    yield* flushRemoteTlbs(kvm);
    yield* kvm.mmuLock.writeUnlock();
    return;
  }
  for (let asId = 0; asId < kvm.config.addressSpaces; asId++) {
    const root = kvm.roots.get(asId) as MmuPage;
    for (let i = 0; i < root.entries; i++) yield* root.spt.at(i).xchg(0n);
  }
  yield* kvm.mmuLock.writeUnlock();
}
