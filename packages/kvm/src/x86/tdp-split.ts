/**
 * @area mmu
 *
 * Splitting a huge page: a table of small pages takes its place, each of them what the huge one was. No TLB has to be
 * flushed: what a vCPU remembers of the huge page is what it would find now.
 */
import type { Cell, Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import type { Memslot } from '../virt/memslots.ts';
import { allocMmuPage, MmuPage } from './mmu-page.ts';
import { PT_PAGE_SIZE } from './spte-format.ts';
import { isLarge, isShadowPresent } from './spte-predicates.ts';
import { entriesOf, makeNonleaf } from './tdp-geometry.ts';
import { iterNext, iterStart, type TdpIter } from './tdp-iter.ts';
import { nextRootYieldSafe } from './tdp-roots.ts';
import { formatOf, setSpteAtomic } from './tdp-spte.ts';
import { iterCondResched } from './tdp-yield.ts';

/**
 * Under mmu_lock, inside RCU or with it held for write. Null if the entry has changed: the fast path and the hardware change it
 * beside either, and the children are made from what it was.
 *
 * @kernel tdp_mmu_split_huge_page arch/x86/kvm/mmu/tdp_mmu.c
 */
export function* splitHugePage(
  kvm: Kvm,
  sptep: Cell<bigint>,
  level: number,
  huge: bigint,
): Task<MmuPage | null> {
  const child = allocMmuPage(entriesOf(kvm));
  // Nothing leads to it yet: filled without a lock or an atomic operation.
  for (let i = 0; i < entriesOf(kvm); i++) child.spt.at(i).poke(makeSplitSpte(kvm, huge, i));
  if (yield* setSpteAtomic(kvm, sptep, level, huge, makeNonleaf(child))) return child;
  MmuPage.free(child);
  return null;
}

/**
 * A small page of a huge one: the same in every respect. W, so that nothing has to be flushed; MMU-writable, so that whoever
 * protected the huge page still has its pages protected; D, because a TLB that has it will not set it again.
 *
 * @kernel make_huge_page_split_spte arch/x86/kvm/mmu/spte.c
 */
export function makeSplitSpte(_kvm: Kvm, huge: bigint, index: number): bigint {
  return BigInt.asUintN(64, (huge & ~PT_PAGE_SIZE) + (BigInt(index) << 12n));
}

/** Splits the huge pages of a slot beside faults, so that vCPUs need not when they write. @kernel kvm_mmu_slot_try_split_huge_pages arch/x86/kvm/mmu/mmu.c */
export function* slotTrySplitHugePages(kvm: Kvm, slot: Memslot): Task {
  yield* kvm.mmuLock.readLock();
  yield* trySplitHugePages(kvm, slot.asId, slot.baseGfn, (slot.baseGfn + slot.npages) as Gfn, true);
  yield* kvm.mmuLock.readUnlock();
}

/** Under mmu_lock, `shared` if it is held for read. @kernel kvm_tdp_mmu_try_split_huge_pages arch/x86/kvm/mmu/tdp_mmu.c */
export function* trySplitHugePages(kvm: Kvm, asId: number, start: Gfn, end: Gfn, shared: boolean): Task {
  let root = yield* nextRootYieldSafe(kvm, asId, null);
  while (root !== null) {
    yield* splitBelow(kvm, root, start, end, shared);
    root = yield* nextRootYieldSafe(kvm, asId, root);
  }
}

/** @kernel tdp_mmu_split_huge_pages_root arch/x86/kvm/mmu/tdp_mmu.c */
function* splitBelow(kvm: Kvm, root: MmuPage, start: Gfn, end: Gfn, shared: boolean): Task {
  const rcu = yield* kvm.rcu.readLock();
  const iter = yield* iterStart(kvm, root, 2, start, end, rcu);
  for (; iter.valid; yield* iterNext(iter)) {
    if (yield* iterCondResched(iter, false, shared)) continue;
    while (isHugeEntry(kvm, iter)) {
      if ((yield* splitHugePage(kvm, iter.sptep, iter.level, iter.oldSpte)) !== null) break;
      iter.oldSpte = yield* iter.sptep.readOnce();
    }
  }
  yield* kvm.rcu.readUnlock(iter.rcu);
}

function isHugeEntry(kvm: Kvm, iter: TdpIter): boolean {
  return isShadowPresent(formatOf(kvm), iter.oldSpte) && isLarge(iter.oldSpte);
}
