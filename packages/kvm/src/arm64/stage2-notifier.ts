/**
 * @area arm64
 *
 * MMU notifiers that take something away, and the one that ends it all. Like aging they come from outside of the VM, and may find
 * its tables gone.
 */
import type { Task } from '@faultline/machine';
import type { Gfn, Pfn } from '../types.ts';
import { gfnsOf } from './stage2-age.ts';
import { archFlushShadowAll } from './stage2-pgd.ts';
import { leafEntry, PTE } from './stage2-table.ts';
import { unmapStage2Range } from './stage2-unmap.ts';
import { stage2SetPte } from './stage2-walk.ts';
import type { ArmKvm, ArmSlots } from './state.ts';

/** @kernel kvm_mmu_notifier_invalidate_range_start virt/kvm/kvm_main.c */
export function* invalidateRangeStart(kvm: ArmKvm, start: number, end: number): Task {
  yield* kvm.mnActiveInvalidateCount.fetchAdd(1);
  const idx = yield* kvm.srcu.readLock();
  yield* kvm.mmuLock.lock();
  count_invalidation: kvm.mmuNotifierCount++;
  yield* unmapHvaRange(kvm, start, end);
  yield* kvm.mmuLock.unlock();
  yield* kvm.srcu.readUnlock(idx);
}

/** @kernel kvm_mmu_notifier_invalidate_range_end virt/kvm/kvm_main.c */
export function* invalidateRangeEnd(kvm: ArmKvm): Task {
  yield* kvm.mmuLock.lock();
  bump_notifier_seq: yield* kvm.mmuNotifierSeq.fetchAdd(1);
  count_invalidation: kvm.mmuNotifierCount--;
  yield* kvm.mmuLock.unlock();
  yield* kvm.mnActiveInvalidateCount.fetchAdd(-1 >>> 0);
}

/** @kernel kvm_unmap_hva_range virt/kvm/arm/mmu.c */
function* unmapHvaRange(kvm: ArmKvm, start: number, end: number): Task {
  check_pgd_before_unmapping: if ((yield* kvm.pgd.readOnce()) === null) return;
  const gfns = gfnsOf((yield* kvm.slots.rcuDereference()) as ArmSlots, start, end);
  for (let i = 0; i < gfns.length; ) {
    const first = gfns[i] as number;
    let end = first;
    while (i < gfns.length && gfns[i] === end) {
      end++;
      i++;
    }
    yield* unmapStage2Range(kvm, first as Gfn, end as Gfn);
  }
}

/** Another frame, read-only. @kernel kvm_mmu_notifier_change_pte virt/kvm/kvm_main.c */
export function* changePte(kvm: ArmKvm, page: number, pfn: Pfn): Task {
  const idx = yield* kvm.srcu.readLock();
  yield* kvm.mmuLock.lock();
  yield* setSpteHva(kvm, page, pfn);
  yield* kvm.mmuLock.unlock();
  yield* kvm.srcu.readUnlock(idx);
}

/** @kernel kvm_set_spte_hva virt/kvm/arm/mmu.c */
function* setSpteHva(kvm: ArmKvm, page: number, pfn: Pfn): Task {
  check_pgd_before_changing: if ((yield* kvm.pgd.readOnce()) === null) return;
  for (const gfn of gfnsOf((yield* kvm.slots.rcuDereference()) as ArmSlots, page, page + 1)) {
    yield* setSpteHandler(kvm, gfn, pfn);
  }
}

/** What is not mapped stays so: there is nobody to allocate for here. @kernel kvm_set_spte_handler virt/kvm/arm/mmu.c */
export function* setSpteHandler(kvm: ArmKvm, gfn: Gfn, pfn: Pfn): Task {
  yield* stage2SetPte(kvm, gfn, leafEntry(pfn, PTE, false), { grow: false });
}

/** The address space goes. @kernel kvm_mmu_notifier_release virt/kvm/kvm_main.c */
export function* notifierRelease(kvm: ArmKvm): Task {
  const idx = yield* kvm.srcu.readLock();
  yield* archFlushShadowAll(kvm);
  yield* kvm.srcu.readUnlock(idx);
}
