/**
 * @area arm64
 *
 * What a vCPU does about a stage-2 fault. It looks at user space without mmu_lock, and trusts what it saw only if no
 * invalidation has begun since.
 */
import { smpRmb, type Task } from '@faultline/machine';
import { EFAULT } from '../errno.ts';
import { getFrame, putFrame, topUpMemoryCache } from '../host/user-mm.ts';
import type { Gfn, Pfn } from '../types.ts';
import { findLeaf } from './stage2-age.ts';
import { leafEntry, PMD, PTE, S2_AF, spanOf } from './stage2-table.ts';
import { stage2SetPmdHuge, stage2SetPte } from './stage2-walk.ts';
import { type ArmKvm, type ArmSlot, type ArmSlots, MAX_SLOTS, type UserMm } from './state.ts';

/** What the hardware reports. */
export interface Abort {
  readonly gfn: Gfn;
  readonly write: boolean;
  /** Access flag fault: everything is there but the flag. */
  readonly accessFlag: boolean;
}

/** 0: the guest goes on, and perhaps faults again; or -EFAULT. @kernel kvm_handle_guest_abort virt/kvm/arm/mmu.c */
export function* handleGuestAbort(kvm: ArmKvm, current: UserMm, abort: Abort): Task<number> {
  const idx = yield* kvm.srcu.readLock();
  const slot = slotOf((yield* kvm.slots.rcuDereference()) as ArmSlots, abort.gfn);
  let result = -EFAULT;
  if (slot !== null) {
    if (abort.accessFlag) result = yield* handleAccessFault(kvm, abort.gfn);
    else result = yield* userMemAbort(kvm, current, slot, abort);
  }
  yield* kvm.srcu.readUnlock(idx);
  return result;
}

/** @kernel handle_access_fault virt/kvm/arm/mmu.c */
export function* handleAccessFault(kvm: ArmKvm, gfn: Gfn): Task<number> {
  // The tables on the way to it are freed under the same lock.
  access_fault_holds_mmu_lock: yield* kvm.mmuLock.lock();
  const leaf = yield* findLeaf(kvm, gfn);
  if (leaf !== null) yield* leaf.fetchOr(S2_AF);
  access_fault_holds_mmu_lock: yield* kvm.mmuLock.unlock();
  return 0;
}

/** @kernel user_mem_abort virt/kvm/arm/mmu.c */
export function* userMemAbort(kvm: ArmKvm, current: UserMm, slot: ArmSlot, abort: Abort): Task<number> {
  const page = slot.page + abort.gfn - slot.baseGfn;
  const huge = yield* hostMapsHuge(kvm, current, slot, abort.gfn);
  yield* topUpMemoryCache(current);
  const seq = yield* kvm.mmuNotifierSeq.readOnce();
  // Pairs with the release of mmu_lock by who raises it: a frame that is found from here on is no older.
  order_seq_before_gup: yield* smpRmb();
  const pfn = yield* getFrame(current, page);
  if (pfn === null) return -EFAULT;
  yield* kvm.mmuLock.lock();
  let retry = false;
  retry_if_invalidated: retry = (yield* kvm.mmuNotifierSeq.readOnce()) !== seq || kvm.mmuNotifierCount > 0;
  if (!retry) yield* mapFrame(kvm, slot, abort, pfn, huge);
  yield* kvm.mmuLock.unlock();
  yield* putFrame(current, pfn);
  return 0;
}

function* hostMapsHuge(kvm: ArmKvm, mm: UserMm, slot: ArmSlot, gfn: Gfn): Task<boolean> {
  if (mm.hugePages === 0) return false;
  yield* mm.mmapSem.readLock();
  const span = spanOf(PMD, kvm.indexBits);
  const first = gfn - (gfn % span);
  const inside = first >= slot.baseGfn && first + span <= slot.baseGfn + slot.npages;
  yield* mm.mmapSem.readUnlock();
  return inside && slot.logging === 0;
}

function* mapFrame(kvm: ArmKvm, slot: ArmSlot, { gfn, write }: Abort, pfn: Pfn, huge: boolean): Task {
  if (huge) {
    const span = spanOf(PMD, kvm.indexBits);
    yield* stage2SetPmdHuge(kvm, gfn, leafEntry((pfn - (pfn % span)) as Pfn, PMD, true));
    return;
  }
  // While it is logged, only what is written becomes writable.
  const writable = slot.logging === 0 || write;
  yield* stage2SetPte(kvm, gfn, leafEntry(pfn, PTE, writable), { grow: true });
  if (writable && slot.logging === 1) yield* markPageDirty(kvm, slot, gfn);
}

/** @kernel mark_page_dirty virt/kvm/kvm_main.c */
export function* markPageDirty(kvm: ArmKvm, slot: ArmSlot, gfn: Gfn): Task {
  yield* kvm.dirty.at(slot.id).fetchOr(1 << (gfn - slot.baseGfn));
}

/** @kernel gfn_to_memslot virt/kvm/kvm_main.c */
export function slotOf(slots: ArmSlots, gfn: Gfn): ArmSlot | null {
  for (let i = 0; i < slots.count && i < MAX_SLOTS; i++) {
    const slot = slots.slot.at(i);
    if (gfn >= slot.baseGfn && gfn < slot.baseGfn + slot.npages) return slot;
  }
  return null;
}
