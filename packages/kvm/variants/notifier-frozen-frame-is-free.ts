/** The last reference to the old frame is dropped before its content is copied. */
import type { Task } from '@faultline/machine';
import { splitHugePmd } from '../src/host/huge-pmd.ts';
import { hostPte, type MmStruct, PTE_BUSY, PTE_PRESENT, PTE_WRITABLE, ptePfn } from '../src/host/mm.ts';
import { type Hva, PAGE_SIZE, type Pfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../src/virt/mmu-notifier.ts';

/** @replaces packages/kvm/src/host/migrate.ts#migratePage f977cd2e */
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
  if ((yield* old.refcount.cmpxchg(1, 0)) !== 1) {
    yield* ptep.writeOnce(pte);
    return null;
  }
  const page = mm.page.at(to);
  yield* page.refcount.fetchAdd(1);
  yield* page.content.writeOnce(yield* old.content.readOnce());
  yield* page.flags.writeOnce(yield* old.flags.readOnce());
  yield* ptep.writeOnce(hostPte(to, true));
  return ptePfn(pte);
}
