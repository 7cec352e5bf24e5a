/**
 * @area arm64
 *
 * The host asks whether the guest used a page. It asks on any CPU, at any time until the notifier is gone: also while the release
 * notifier frees the tables. Both sides hold mmu_lock, so a look at pgd under the lock is good until the lock is dropped.
 */
import { at, type Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import { flushVmid } from './stage2-flush.ts';
import { entryOf, indexOf, isTable, PMD, PTE, S2_AF, type Stage2Table } from './stage2-table.ts';
import { stage2Child, stage2GetPmd } from './stage2-walk.ts';
import { type ArmKvm, type ArmSlots, MAX_SLOTS } from './state.ts';

const NOT_AF = ~S2_AF & 0xffff_ffff_ffff_ffffn;

/** @kernel kvm_mmu_notifier_clear_flush_young virt/kvm/kvm_main.c */
export function* clearFlushYoung(kvm: ArmKvm, page: number): Task<boolean> {
  const idx = yield* kvm.srcu.readLock();
  yield* kvm.mmuLock.lock();
  const young = yield* ageHva(kvm, page);
  flush_aged: if (young) yield* flushVmid(kvm);
  yield* kvm.mmuLock.unlock();
  yield* kvm.srcu.readUnlock(idx);
  return young;
}

/** @kernel kvm_mmu_notifier_test_young virt/kvm/kvm_main.c */
export function* testYoung(kvm: ArmKvm, page: number): Task<boolean> {
  const idx = yield* kvm.srcu.readLock();
  yield* kvm.mmuLock.lock();
  const young = yield* testAgeHva(kvm, page);
  yield* kvm.mmuLock.unlock();
  yield* kvm.srcu.readUnlock(idx);
  return young;
}

/** @kernel kvm_age_hva virt/kvm/arm/mmu.c */
export function* ageHva(kvm: ArmKvm, page: number): Task<boolean> {
  check_pgd_before_aging: if ((yield* kvm.pgd.readOnce()) === null) return false;
  let young = false;
  for (const gfn of gfnsOf((yield* kvm.slots.rcuDereference()) as ArmSlots, page, page + 1)) {
    young = (yield* ageHvaHandler(kvm, gfn)) || young;
  }
  return young;
}

/** @kernel kvm_test_age_hva virt/kvm/arm/mmu.c */
export function* testAgeHva(kvm: ArmKvm, page: number): Task<boolean> {
  check_pgd_before_looking: if ((yield* kvm.pgd.readOnce()) === null) return false;
  let young = false;
  for (const gfn of gfnsOf((yield* kvm.slots.rcuDereference()) as ArmSlots, page, page + 1)) {
    young = (yield* testAgeHvaHandler(kvm, gfn)) || young;
  }
  return young;
}

/** @kernel kvm_age_hva_handler virt/kvm/arm/mmu.c */
export function* ageHvaHandler(kvm: ArmKvm, gfn: Gfn): Task<boolean> {
  const leaf = yield* findLeaf(kvm, gfn);
  if (leaf === null) return false;
  // The hardware may set it at the same time.
  return ((yield* leaf.fetchAnd(NOT_AF, at('arm64.clear_young'))) & S2_AF) !== 0n;
}

/** @kernel kvm_test_age_hva_handler virt/kvm/arm/mmu.c */
export function* testAgeHvaHandler(kvm: ArmKvm, gfn: Gfn): Task<boolean> {
  const leaf = yield* findLeaf(kvm, gfn);
  return leaf !== null && ((yield* leaf.readOnce()) & S2_AF) !== 0n;
}

/** The pte or block that maps the frame; null if none does. Makes nothing. */
export function* findLeaf(kvm: ArmKvm, gfn: Gfn): Task<Stage2Entry | null> {
  const pmds = yield* stage2GetPmd(kvm, gfn, false);
  if (pmds === null) return null;
  const pmdp = entryOf(pmds, PMD, indexOf(gfn, PMD, kvm.indexBits));
  const pmd = yield* pmdp.readOnce();
  if (pmd === 0n) return null;
  if (!isTable(pmd, PMD)) return pmdp;
  const ptes = (yield* stage2Child(kvm, pmds, PMD, gfn, false)) as Stage2Table;
  const ptep = entryOf(ptes, PTE, indexOf(gfn, PTE, kvm.indexBits));
  return (yield* ptep.readOnce()) === 0n ? null : ptep;
}

export type Stage2Entry = ReturnType<typeof entryOf>;

/** Guest frames behind pages [start, end) of user space. @kernel handle_hva_to_gpa virt/kvm/arm/mmu.c */
export function gfnsOf(slots: ArmSlots, start: number, end: number): Gfn[] {
  const gfns: Gfn[] = [];
  for (let i = 0; i < slots.count && i < MAX_SLOTS; i++) {
    const { baseGfn, npages, page } = slots.slot.at(i);
    for (let at = Math.max(start, page); at < Math.min(end, page + npages); at++) {
      gfns.push((baseGfn + at - page) as Gfn);
    }
  }
  return gfns;
}
