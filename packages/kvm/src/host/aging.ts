/**
 * The host asks who uses what, and takes away what nobody does: the second chance that every page gets before reclaim.
 */
import type { Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE, type Pfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { clearFlushYoung } from '../virt/mmu-notifier-age.ts';
import { type MmStruct, PG_ACCESSED, PTE_PRESENT, ptePfn } from './mm.ts';
import { swapOut } from './reclaim.ts';

/** Whether the page was used since the last call. @kernel folio_referenced mm/rmap.c */
export function* pageReferenced(kvm: Kvm, hva: Hva): Task<boolean> {
  const mm = kvm.mmStruct as MmStruct;
  const pte = yield* mm.ptes.at(Math.floor(hva / PAGE_SIZE)).readOnce();
  if ((pte & PTE_PRESENT) === 0n) return false;
  // In the guest's tables first: what a zap moves from there to the frame meanwhile is still found below.
  const young = yield* clearFlushYoung(kvm, hva, (hva + PAGE_SIZE) as Hva);
  const told = ((yield* mm.page.at(ptePfn(pte)).flags.fetchAnd(~PG_ACCESSED >>> 0)) & PG_ACCESSED) !== 0;
  return young || told;
}

/** Swaps the page out unless it was used since it was last aged. Returns the frame that it left, or null. @kernel shrink_page_list mm/vmscan.c */
export function* reclaimUnused(kvm: Kvm, hva: Hva): Task<Pfn | null> {
  return (yield* pageReferenced(kvm, hva)) ? null : yield* swapOut(kvm, hva);
}
