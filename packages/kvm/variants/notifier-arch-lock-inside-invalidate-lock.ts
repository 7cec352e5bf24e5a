/** The start of an invalidation waits for an update to be complete before it counts itself: slots_arch_lock is taken inside mn_invalidate_lock. */
import type { Task } from '@faultline/machine';
import type { Hva } from '../src/types.ts';
import { slotsIn } from '../src/virt/hva-range.ts';
import { addInvalidateRange } from '../src/virt/invalidate-range.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/mmu-notifier.ts#invalidateRangeStart 769760e2 */
/** @kernel kvm_mmu_notifier_invalidate_range_start virt/kvm/kvm_main.c */
export function* invalidateRangeStart(kvm: Kvm, start: Hva, end: Hva): Task {
  yield* kvm.mnInvalidateLock.lock();
  yield* kvm.slotsArchLock.lock();
  yield* kvm.mnActiveInvalidateCount.fetchAdd(1);
  yield* kvm.slotsArchLock.unlock();
  yield* kvm.mnInvalidateLock.unlock();
  const idx = yield* kvm.srcu.readLock();
  if ((yield* slotsIn(kvm, start, end)).length > 0) {
    yield* kvm.mmuLock.writeLock();
    kvm.mmuInvalidateInProgress++;
    addInvalidateRange(kvm, start, end);
    yield* kvm.mmuLock.writeUnlock();
  }
  yield* kvm.srcu.readUnlock(idx);
}
