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
import { hostPte, type MmStruct, PG_DIRTY, PTE_PRESENT, PTE_SWAPPED, ptePfn, putPage } from './mm.ts';

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
  const pte = yield* ptep.readOnce();
  const pfn = (pte & PTE_PRESENT) === 0n ? null : ptePfn(pte);
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

/** The page moves to another frame, content and all: compaction, NUMA balancing. @kernel migrate_pages mm/migrate.c */
export function* migratePage(kvm: Kvm, hva: Hva, to: Pfn): Task {
  const mm = kvm.mmStruct as MmStruct;
  const index = Math.floor(hva / PAGE_SIZE);
  yield* invalidateRangeStart(kvm, hva, (hva + PAGE_SIZE) as Hva);
  const pte = yield* mm.ptes.at(index).readOnce();
  if ((pte & PTE_PRESENT) !== 0n) {
    const from = mm.page.at(ptePfn(pte));
    const page = mm.page.at(to);
    yield* page.refcount.fetchAdd(1);
    yield* page.content.writeOnce(yield* from.content.readOnce());
    // A dirty page stays dirty: what swap holds of it is as old as before.
    keep_dirty_flag: yield* page.flags.writeOnce(yield* from.flags.readOnce());
    yield* mm.ptes.at(index).writeOnce(hostPte(to, true));
    yield* putPage(mm, ptePfn(pte));
  }
  yield* invalidateRangeEnd(kvm, hva, (hva + PAGE_SIZE) as Hva);
}
