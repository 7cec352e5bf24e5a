/**
 * @area shadow
 *
 * What the host's memory manager, the dirty log and aging ask of the shadow MMU: something about every entry that maps a
 * frame. Under mmu_lock.
 */
import { at, type Task } from '@faultline/machine';
import { PTE_WRITABLE, ptePfn } from '../../host/mm.ts';
import type { Gfn } from '../../types.ts';
import type { Kvm } from '../../virt/kvm.ts';
import { isAccessed } from '../spte-predicates.ts';
import { changedPteSpte } from '../tdp-set-spte.ts';
import { formatOf } from '../tdp-spte.ts';
import { pteList, pteListAdd, rmapOf } from './rmap.ts';
import { setGfnOfEntry } from './shadow-page.ts';
import { dropSpte } from './zap-page.ts';

/** Zaps every entry of the frame. Returns whether TLBs have to be flushed. @kernel kvm_zap_rmap arch/x86/kvm/mmu/mmu.c */
export function* zapRmap(kvm: Kvm, gfn: Gfn): Task<boolean> {
  const entries = pteList(kvm, rmapOf(kvm, gfn));
  for (const entry of entries) yield* dropSpte(kvm, entry);
  return entries.length > 0;
}

/** Was the frame used? With A bits, which is all that shadow paging has. @kernel kvm_age_rmap arch/x86/kvm/mmu/mmu.c */
export function* ageRmap(kvm: Kvm, gfn: Gfn): Task<boolean> {
  const format = formatOf(kvm);
  const entries = pteList(kvm, rmapOf(kvm, gfn));
  let young = false;
  for (const { sptep } of entries) {
    if (!isAccessed(format, yield* sptep.readOnce())) continue;
    yield* sptep.fetchAndnot(format.accessed, at('shadow.clear_accessed_andnot'));
    young = true;
  }
  return young;
}

/** @kernel kvm_test_age_rmap arch/x86/kvm/mmu/mmu.c */
export function* testAgeRmap(kvm: Kvm, gfn: Gfn): Task<boolean> {
  const entries = pteList(kvm, rmapOf(kvm, gfn));
  for (const { sptep } of entries) if (isAccessed(formatOf(kvm), yield* sptep.readOnce())) return true;
  return false;
}

/** The host has another frame behind the page. Returns whether TLBs have to be flushed. @kernel kvm_set_pte_rmap arch/x86/kvm/mmu/mmu.c */
export function* setPteRmap(kvm: Kvm, gfn: Gfn, pte: bigint): Task<boolean> {
  const entries = pteList(kvm, rmapOf(kvm, gfn));
  for (const { page, sptep, index } of entries) {
    const old = yield* dropSpte(kvm, { page, sptep, index });
    if ((pte & PTE_WRITABLE) !== 0n) continue;
    setGfnOfEntry(page, index, gfn);
    yield* sptep.writeOnce(changedPteSpte(formatOf(kvm), old, ptePfn(pte)));
    pteListAdd(rmapOf(kvm, gfn), sptep);
  }
  return entries.length > 0;
}
