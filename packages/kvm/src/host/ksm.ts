/**
 * @area notifier
 *
 * Kernel same-page merging: two pages with the same content share one frame, read-only; the first write to either gives
 * it a frame of its own again. Frames that are shared are neither swapped out nor migrated in this model.
 *
 * From 5.1 to 5.7 the last page that is left on a merged frame kept it when it was written, if nobody held the frame: an
 * option here, and with it the references that merging looks at.
 */
import type { Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE, type Pfn } from '../types.ts';
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
  if (!(yield* changeHostPte(kvm, hva, pte, protectedPte))) return null;
  if (kvm.config.keepsMerged === 0) return protectedPte;
  // Asked only now: a new reference needs the entry, and finds it read-only.
  merge_only_unreferenced: if (yield* isReferenced(kvm, ptePfn(pte), 1)) {
    yield* changeHostPte(kvm, hva, protectedPte, pte);
    return null;
  }
  return protectedPte;
}

/** Somebody holds the frame beside the entries that map it. */
function* isReferenced(kvm: Kvm, pfn: Pfn, mapped: number): Task<boolean> {
  return (yield* (kvm.mmStruct as MmStruct).page.at(pfn).refcount.readOnce()) !== mapped;
}

/** A write to a shared page: copies it to a frame of its own, unless somebody was faster. @kernel wp_page_copy mm/memory.c */
export function* breakCow(kvm: Kvm, hva: Hva, pte: bigint): Task {
  const mm = kvm.mmStruct as MmStruct;
  if (kvm.config.keepsMerged === 1 && (yield* keepFrame(kvm, hva, pte))) return;
  const to = yield* waitForFrame(mm);
  const page = mm.page.at(to);
  yield* page.content.writeOnce(yield* mm.page.at(ptePfn(pte)).content.readOnce());
  // Swap does not have it.
  yield* page.flags.writeOnce(PG_DIRTY);
  const changed = yield* changeHostPte(kvm, hva, pte, hostPte(to, true));
  yield* putPage(mm, changed ? ptePfn(pte) : to);
}

/** Whether the page keeps the frame, writable: nobody else has it. @kernel reuse_ksm_page mm/ksm.c */
function* keepFrame(kvm: Kvm, hva: Hva, pte: bigint): Task<boolean> {
  const mm = kvm.mmStruct as MmStruct;
  let mapped = 0;
  for (let i = 0; i < mm.pages; i++) {
    const other = yield* mm.ptes.at(i).readOnce();
    if ((other & PTE_PRESENT) !== 0n && ptePfn(other) === ptePfn(pte)) mapped++;
  }
  if (mapped !== 1) return false;
  keep_only_unreferenced: if (yield* isReferenced(kvm, ptePfn(pte), 1)) return false;
  yield* mm.page.at(ptePfn(pte)).flags.fetchOr(PG_DIRTY);
  return yield* changeHostPte(kvm, hva, pte, hostPte(ptePfn(pte), true));
}
