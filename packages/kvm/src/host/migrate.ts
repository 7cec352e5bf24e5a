/**
 * @area notifier
 *
 * A page moves to another frame, content and all: compaction, NUMA balancing. Only taking the old frame away is
 * announced; while the content moves, the entry says so, and whoever needs the page waits for it.
 */
import type { Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE, type Pfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../virt/mmu-notifier.ts';
import { splitHugePmd } from './huge-pmd.ts';
import { hostPte, type MmStruct, PTE_BUSY, PTE_PRESENT, PTE_WRITABLE, ptePfn, REFS_FROZEN } from './mm.ts';

/**
 * Moves the page at `hva` to frame `to`, which gets a reference of its own. Returns the frame that it left, or null: the
 * page was away, or somebody holds a reference to its frame.
 *
 * @kernel migrate_pages mm/migrate.c
 */
export function* migratePage(kvm: Kvm, hva: Hva, to: Pfn): Task<Pfn | null> {
  const mm = kvm.mmStruct as MmStruct;
  const ptep = mm.ptes.at(Math.floor(hva / PAGE_SIZE));
  yield* invalidateRangeStart(kvm, hva, (hva + PAGE_SIZE) as Hva);
  yield* splitHugePmd(kvm, hva);
  const pte = yield* ptep.readOnce();
  const movable = (pte & PTE_PRESENT) !== 0n && (pte & PTE_WRITABLE) !== 0n;
  if (movable) yield* ptep.writeOnce(PTE_BUSY);
  yield* invalidateRangeEnd(kvm, hva, (hva + PAGE_SIZE) as Hva);
  if (!movable) return null;

  const old = mm.page.at(ptePfn(pte));
  // Nobody can reach the frame any more; it is free only when its content is out. @kernel folio_ref_freeze
  if ((yield* old.refcount.cmpxchg(1, REFS_FROZEN)) !== 1) {
    yield* ptep.writeOnce(pte);
    return null;
  }
  const page = mm.page.at(to);
  yield* page.refcount.fetchAdd(1);
  yield* page.content.writeOnce(yield* old.content.readOnce());
  // A dirty page stays dirty: what swap holds of it is as old as before.
  keep_dirty_flag: yield* page.flags.writeOnce(yield* old.flags.readOnce());
  yield* ptep.writeOnce(hostPte(to, true));
  // Not a store: somebody may have taken a reference, and be about to see that the page is elsewhere.
  yield* old.refcount.fetchAdd(-REFS_FROZEN);
  return ptePfn(pte);
}
