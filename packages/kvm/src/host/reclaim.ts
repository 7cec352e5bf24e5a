/**
 * @area notifier
 *
 * The host takes a frame away: announces it, clears its own entry, decides by the frame's flags whether its content has
 * to be written to swap, and gives it back. What KVM did not report as dirty is dropped.
 */
import type { Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE, type Pfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../virt/mmu-notifier.ts';
import { splitHugePmd } from './huge-pmd.ts';
import { type MmStruct, PG_DIRTY, PTE_COW, PTE_PRESENT, PTE_SWAPPED, ptePfn, putPage } from './mm.ts';

/**
 * Swaps the page at `hva` out. Returns the frame that it no longer occupies, or null if it had none. The swap cache is
 * not modelled: what swap holds is complete before the entry says so.
 *
 * @kernel shrink_page_list mm/vmscan.c
 */
export function* swapOut(kvm: Kvm, hva: Hva): Task<Pfn | null> {
  const mm = kvm.mmStruct as MmStruct;
  const index = Math.floor(hva / PAGE_SIZE);
  const ptep = mm.ptes.at(index);
  yield* invalidateRangeStart(kvm, hva, (hva + PAGE_SIZE) as Hva);
  yield* splitHugePmd(kvm, hva);
  const pte = yield* ptep.readOnce();
  // A frame that is, or was, shared stays where it is: see ksm.ts.
  const pfn = (pte & PTE_PRESENT) === 0n || (pte & PTE_COW) !== 0n ? null : ptePfn(pte);
  if (pfn !== null) {
    const page = mm.page.at(pfn);
    // What is on disk is current unless somebody said otherwise.
    if (((yield* page.flags.fetchAnd(0)) & PG_DIRTY) !== 0) {
      yield* mm.swap.at(index).writeOnce(yield* page.content.readOnce());
    }
    yield* ptep.writeOnce(PTE_SWAPPED);
  }
  yield* invalidateRangeEnd(kvm, hva, (hva + PAGE_SIZE) as Hva);
  if (pfn !== null) yield* putPage(mm, pfn);
  return pfn;
}
