/**
 * Kernel same-page merging: two pages with the same content share one frame, read-only; the first write to either gives
 * it a frame of its own again. Frames that are shared are neither swapped out nor migrated in this model.
 */
import type { Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { splitHugePmd } from './huge-pmd.ts';
import {
  hostPte,
  type MmStruct,
  PG_DIRTY,
  PTE_COW,
  PTE_PRESENT,
  PTE_WRITABLE,
  ptePfn,
  putPage,
  waitForFrame,
} from './mm.ts';
import { changeHostPte } from './pte-change.ts';

/** Lets the page at `drop` share the frame of the page at `keep`. False if they differ or one was in use. @kernel try_to_merge_two_pages mm/ksm.c */
export function* mergePages(kvm: Kvm, keep: Hva, drop: Hva): Task<boolean> {
  const mm = kvm.mmStruct as MmStruct;
  yield* splitHugePmd(kvm, keep);
  yield* splitHugePmd(kvm, drop);
  const kept = yield* protectPage(kvm, keep);
  const dropped = yield* protectPage(kvm, drop);
  if (kept === null || dropped === null) return false;
  const shared = mm.page.at(ptePfn(kept));
  yield* shared.refcount.fetchAdd(1);
  // Compared only now: neither can change any more without being given another frame.
  const same =
    (yield* mm.ptes.at(keep / PAGE_SIZE).readOnce()) === kept &&
    (yield* shared.content.readOnce()) === (yield* mm.page.at(ptePfn(dropped)).content.readOnce());
  const merged = same && (yield* changeHostPte(kvm, drop, dropped, hostPte(ptePfn(kept), false) | PTE_COW));
  yield* putPage(mm, merged ? ptePfn(dropped) : ptePfn(kept));
  return merged;
}

/** Makes the host's entry read-only. Returns it, or null if the page is away or was changed meanwhile. @kernel write_protect_page mm/ksm.c */
function* protectPage(kvm: Kvm, hva: Hva): Task<bigint | null> {
  const pte = yield* (kvm.mmStruct as MmStruct).ptes.at(hva / PAGE_SIZE).readOnce();
  if ((pte & PTE_PRESENT) === 0n) return null;
  if ((pte & PTE_WRITABLE) === 0n) return pte;
  const protectedPte = hostPte(ptePfn(pte), false) | PTE_COW;
  return (yield* changeHostPte(kvm, hva, pte, protectedPte)) ? protectedPte : null;
}

/** A write to a shared page: copies it to a frame of its own, unless somebody was faster. @kernel wp_page_copy mm/memory.c */
export function* breakCow(kvm: Kvm, hva: Hva, pte: bigint): Task {
  const mm = kvm.mmStruct as MmStruct;
  const to = yield* waitForFrame(mm);
  const page = mm.page.at(to);
  yield* page.content.writeOnce(yield* mm.page.at(ptePfn(pte)).content.readOnce());
  // Swap does not have it.
  yield* page.flags.writeOnce(PG_DIRTY);
  const changed = yield* changeHostPte(kvm, hva, pte, hostPte(to, true));
  yield* putPage(mm, changed ? ptePfn(pte) : to);
}
