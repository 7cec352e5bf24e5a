/** Reclaim gives a frame back although somebody holds a reference to it. */
import type { Task } from '@faultline/machine';
import { splitHugePmd } from '../src/host/huge-pmd.ts';
import { type MmStruct, PG_DIRTY, PTE_COW, PTE_PRESENT, PTE_SWAPPED, ptePfn } from '../src/host/mm.ts';
import { type Hva, PAGE_SIZE, type Pfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../src/virt/mmu-notifier.ts';

/** @replaces packages/kvm/src/host/reclaim.ts#swapOut 0520fbc5 */
export function* swapOut(kvm: Kvm, hva: Hva): Task<Pfn | null> {
  const mm = kvm.mmStruct as MmStruct;
  const index = Math.floor(hva / PAGE_SIZE);
  const ptep = mm.ptes.at(index);
  yield* invalidateRangeStart(kvm, hva, (hva + PAGE_SIZE) as Hva);
  yield* splitHugePmd(kvm, hva);
  const pte = yield* ptep.readOnce();
  const pfn = (pte & PTE_PRESENT) === 0n || (pte & PTE_COW) !== 0n ? null : ptePfn(pte);
  if (pfn !== null) {
    const page = mm.page.at(pfn);
    if (((yield* page.flags.fetchAnd(0)) & PG_DIRTY) !== 0) {
      yield* mm.swap.at(index).writeOnce(yield* page.content.readOnce());
    }
    yield* ptep.writeOnce(PTE_SWAPPED);
  }
  yield* invalidateRangeEnd(kvm, hva, (hva + PAGE_SIZE) as Hva);
  if (pfn !== null) yield* mm.page.at(pfn).refcount.writeOnce(0);
  return pfn;
}
