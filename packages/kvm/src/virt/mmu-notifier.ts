/**
 * @area memslots
 *
 * The frame of an MMU-notifier invalidation: a pair of calls around a change of the host's page table. Until the
 * page-fault path listens to it, the pair counts itself in the VM, which is all that memslot updates need to know.
 */
import { at, bugOn, type Task } from '@faultline/machine';
import type { Hva } from '../types.ts';
import { PAGE_SIZE } from '../types.ts';
import type { Kvm } from './kvm.ts';
import { type Memslots, memslotsOf } from './memslots.ts';

/**
 * Before the host changes [start, end): nothing new is mapped from there until the matching end.
 *
 * @kernel kvm_mmu_notifier_invalidate_range_start virt/kvm/kvm_main.c
 */
export function* invalidateRangeStart(kvm: Kvm, start: Hva, end: Hva): Task {
  // Counted before the slots are looked at, so that the set cannot be swapped between this start and its end.
  yield* kvm.mnInvalidateLock.lock();
  yield* kvm.mnActiveInvalidateCount.fetchAdd(1, at('memslots.count_invalidation'));
  yield* kvm.mnInvalidateLock.unlock();
  if (yield* anySlotIn(kvm, start, end)) {
    yield* kvm.mmuLock.writeLock();
    kvm.mmuInvalidateInProgress++;
    yield* kvm.mmuLock.writeUnlock();
  }
}

/** After the host has changed it. @kernel kvm_mmu_notifier_invalidate_range_end virt/kvm/kvm_main.c */
export function* invalidateRangeEnd(kvm: Kvm, start: Hva, end: Hva): Task {
  if (yield* anySlotIn(kvm, start, end)) {
    yield* kvm.mmuLock.writeLock();
    kvm.mmuInvalidateInProgress--;
    bugOn(kvm.mmuInvalidateInProgress < 0, 'kvm->mmu_invalidate_in_progress < 0');
    yield* kvm.mmuLock.writeUnlock();
  }
  yield* kvm.mnInvalidateLock.lock();
  yield* kvm.mnActiveInvalidateCount.fetchAdd(-1);
  yield* kvm.mnInvalidateLock.unlock();
}

/** Whether a slot has memory in the range; user space addresses, any address space. @kernel __kvm_handle_hva_range virt/kvm/kvm_main.c */
function* anySlotIn(kvm: Kvm, start: Hva, end: Hva): Task<boolean> {
  const idx = yield* kvm.srcu.readLock();
  let found = false;
  for (let asId = 0; asId < kvm.config.addressSpaces; asId++) {
    const slots = (yield* kvm.memslots.at(asId).rcuDereference()) as Memslots;
    for (const slot of memslotsOf(slots)) {
      const from = slot.userspaceAddr;
      if (from < end && start < from + slot.npages * PAGE_SIZE) found = true;
    }
  }
  yield* kvm.srcu.readUnlock(idx);
  return found;
}
