/**
 * @area notifier
 *
 * get_user_pages: the frame behind an address of the VMM, with a reference. Brings the page in if it is swapped out, and
 * gives it a frame of its own if it is shared and to be written.
 */
import type { Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE, type Pfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { gupHuge } from './huge-pmd.ts';
import { breakCow } from './ksm.ts';
import {
  hostPte,
  type MmStruct,
  PTE_BUSY,
  PTE_COW,
  PTE_PRESENT,
  PTE_WRITABLE,
  ptePfn,
  putPage,
  waitForFrame,
} from './mm.ts';

/** What get_user_pages found: the frame, with a reference taken, and whether the host lets it be written. */
export interface Gup {
  readonly pfn: Pfn;
  readonly writable: boolean;
}

/** Null if nothing is mapped there, or it is to be written and may not. The caller drops the reference. @kernel hva_to_pfn virt/kvm/kvm_main.c */
export function* hvaToPfnPinned(kvm: Kvm, hva: Hva, write: boolean): Task<Gup | null> {
  const mm = kvm.mmStruct as MmStruct;
  const index = Math.floor(hva / PAGE_SIZE);
  if (index >= mm.pages) return null;
  const ptep = mm.ptes.at(index);
  for (;;) {
    const huge = mm.rangePages > 0 ? yield* gupHuge(mm, index) : null;
    if (huge !== null) return huge;
    const pte = yield* ptep.readOnce();
    if (pte === 0n) return null;
    // Somebody has the page in his hands: neither the old frame nor swap holds it.
    migration_entry_wait: if ((pte & PTE_BUSY) !== 0n) {
      yield* ptep.awaitDiffers(pte);
      continue;
    }
    if ((pte & PTE_PRESENT) === 0n) {
      yield* swapIn(mm, index, pte);
      continue;
    }
    const writable = (pte & PTE_WRITABLE) !== 0n;
    if (write && !writable) {
      if ((pte & PTE_COW) === 0n) return null;
      yield* breakCow(kvm, hva, pte);
      continue;
    }
    yield* mm.page.at(ptePfn(pte)).refcount.fetchAdd(1);
    // The frame may have been given away between the two: a reference counts only if the entry still names it.
    if ((yield* ptep.readOnce()) === pte) return { pfn: ptePfn(pte), writable };
    yield* putPage(mm, ptePfn(pte));
  }
}

/** @kernel do_swap_page mm/memory.c */
export function* swapIn(mm: MmStruct, index: number, pte: bigint): Task {
  const ptep = mm.ptes.at(index);
  let held = pte;
  // One at a time: a copy from swap that somebody else has used, and swapped out again, is too old.
  lock_page_to_swap_in: {
    held = pte | PTE_BUSY;
    if ((yield* ptep.cmpxchg(pte, held)) !== pte) return;
  }
  const pfn = yield* waitForFrame(mm);
  const page = mm.page.at(pfn);
  yield* page.content.writeOnce(yield* mm.swap.at(index).readOnce());
  yield* page.flags.writeOnce(0);
  // It may have been unmapped meanwhile.
  if ((yield* ptep.cmpxchg(held, hostPte(pfn, true))) !== held) yield* putPage(mm, pfn);
}
