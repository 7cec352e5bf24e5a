/**
 * @area shadow
 *
 * What MMU notifiers ask of the page tables, whichever the VM has. Under mmu_lock held for write.
 */
import type { Task } from '@faultline/machine';
import type { Gfn, Hva } from '../types.ts';
import { gfnsIn } from '../virt/hva-range.ts';
import type { Kvm } from '../virt/kvm.ts';
import type { Memslot } from '../virt/memslots.ts';
import { ageRmap, setPteRmap, testAgeRmap, zapRmap } from './shadow/notify.ts';
import { ageGfn, testAgeGfn } from './tdp-age.ts';
import { setSpteGfn } from './tdp-set-spte.ts';
import { unmapGfnRange } from './tdp-zap.ts';

/** Returns whether TLBs have to be flushed. @kernel kvm_unmap_gfn_range arch/x86/kvm/mmu/mmu.c */
export function* kvmUnmapGfnRange(kvm: Kvm, slot: Memslot, start: Hva, end: Hva): Task<boolean> {
  if (kvm.shadowMmu === null) return yield* unmapGfnRange(kvm, slot, start, end);
  let flush = false;
  for (const gfn of gfnsIn(slot, start, end)) flush = (yield* zapRmap(kvm, gfn)) || flush;
  // Synchronisation may have dropped the entry, and left the flush to whoever needs it.
  flush_for_postponed: flush = flush || (yield* kvm.shadowMmu.tlbsDirty.readOnce()) !== 0;
  return flush;
}

/** @kernel kvm_age_gfn arch/x86/kvm/mmu/mmu.c */
export function* kvmAgeGfn(kvm: Kvm, gfn: Gfn): Task<boolean> {
  return kvm.shadowMmu === null ? yield* ageGfn(kvm, gfn) : yield* ageRmap(kvm, gfn);
}

/** @kernel kvm_test_age_gfn arch/x86/kvm/mmu/mmu.c */
export function* kvmTestAgeGfn(kvm: Kvm, gfn: Gfn): Task<boolean> {
  return kvm.shadowMmu === null ? yield* testAgeGfn(kvm, gfn) : yield* testAgeRmap(kvm, gfn);
}

/** Returns whether TLBs have to be flushed. @kernel kvm_set_spte_gfn arch/x86/kvm/mmu/mmu.c */
export function* kvmSetSpteGfn(kvm: Kvm, gfn: Gfn, pte: bigint): Task<boolean> {
  return kvm.shadowMmu === null ? yield* setSpteGfn(kvm, gfn, pte) : yield* setPteRmap(kvm, gfn, pte);
}
