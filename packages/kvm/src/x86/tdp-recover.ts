/**
 * @area mmu
 *
 * Whole page tables are thrown away where a huge page could stand in their place: next time the guest faults it gets
 * that. vCPUs run meanwhile. (On a VM without huge pages every table goes, and the fault links one again.)
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import type { Memslot } from '../virt/memslots.ts';
import { flushRemoteTlbs } from './flush.ts';
import { maxMappingLevel } from './hugepage-adjust.ts';
import type { MmuPage } from './mmu-page.ts';
import { isLast, isShadowPresent } from './spte-predicates.ts';
import { clearSpte, zapSpteAtomic } from './tdp-frozen.ts';
import { iterNext, iterStart, type TdpIter } from './tdp-iter.ts';
import { nextRootYieldSafe } from './tdp-roots.ts';
import { formatOf } from './tdp-spte.ts';
import { iterCondResched } from './tdp-yield.ts';

/**
 * Dirty logging of [start, end) was turned off: its tables go, beside faults, with mmu_lock held for read. With huge pages
 * only those in place of which `slot` has one.
 *
 * @kernel kvm_tdp_mmu_zap_collapsible_sptes arch/x86/kvm/mmu/tdp_mmu.c
 */
export function* zapCollapsibleSptes(
  kvm: Kvm,
  asId: number,
  start: Gfn,
  end: Gfn,
  slot: Memslot | null = null,
): Task {
  yield* kvm.mmuLock.readLock();
  let root = yield* nextRootYieldSafe(kvm, asId, null);
  while (root !== null) {
    yield* zapTablesShared(kvm, root, start, end, slot);
    root = yield* nextRootYieldSafe(kvm, asId, root);
  }
  yield* kvm.mmuLock.readUnlock();
}

/** @kernel zap_collapsible_spte_range arch/x86/kvm/mmu/tdp_mmu.c */
function* zapTablesShared(kvm: Kvm, root: MmuPage, start: Gfn, end: Gfn, slot: Memslot | null): Task {
  const rcu = yield* kvm.rcu.readLock();
  const iter = yield* iterStart(kvm, root, 2, start, end, rcu);
  for (; iter.valid; yield* iterNext(iter)) {
    if (yield* iterCondResched(iter, false, true)) continue;
    if (kvm.config.hugePages === 1 && !(yield* isCollapsible(kvm, iter, slot))) continue;
    while (isTableEntry(kvm, iter)) {
      if (yield* zapSpteAtomic(kvm, iter.sptep, iter.level, iter.oldSpte)) break;
      iter.oldSpte = yield* iter.sptep.readOnce();
    }
  }
  yield* kvm.rcu.readUnlock(iter.rcu);
}

/** The worker that takes back tables which stand where a huge page was split for NX; mmu_lock held for write. @kernel kvm_recover_nx_huge_pages arch/x86/kvm/mmu/mmu.c */
export function* recoverNxHugePages(kvm: Kvm): Task {
  yield* kvm.mmuLock.writeLock();
  // Until the flush below the hardware may stand in tables that are unlinked already: this section keeps them.
  const rcu = yield* kvm.rcu.readLock();
  const root = kvm.roots.get(0);
  if (root !== null) {
    const iter = yield* iterStart(kvm, root, 2, 0 as Gfn, kvm.config.maxGfn);
    for (; iter.valid; yield* iterNext(iter)) {
      if (isTableEntry(kvm, iter)) yield* clearSpte(kvm, iter.sptep, iter.level, iter.oldSpte);
    }
  }
  flush_before_tables_go: yield* flushRemoteTlbs(kvm);
  yield* kvm.rcu.readUnlock(rcu);
  yield* kvm.mmuLock.writeUnlock();
}

/** The host's answer may be old when the table goes: then the fault that follows links one again. */
function* isCollapsible(kvm: Kvm, iter: TdpIter, slot: Memslot | null): Task<boolean> {
  if (slot === null || !isTableEntry(kvm, iter)) return false;
  return (yield* maxMappingLevel(kvm, slot, iter.gfn as Gfn)) >= iter.level;
}

/** The lowest entries that lead to a table. */
function isTableEntry(kvm: Kvm, iter: TdpIter): boolean {
  return iter.level === 2 && isShadowPresent(formatOf(kvm), iter.oldSpte) && !isLast(iter.oldSpte, 2);
}
