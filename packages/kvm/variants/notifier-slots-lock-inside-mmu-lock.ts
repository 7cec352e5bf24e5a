/** The end of an invalidation keeps the slots from changing while it counts: slots_lock is taken inside mmu_lock. */
import type { Task } from '@faultline/machine';
import type { Hva } from '../src/types.ts';
import { slotsIn } from '../src/virt/hva-range.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { invalidateEnd } from '../src/virt/mmu-notifier.ts';

/** @replaces packages/kvm/src/virt/mmu-notifier.ts#invalidateRangeEnd 02b8e925 */
/** @kernel kvm_mmu_notifier_invalidate_range_end virt/kvm/kvm_main.c */
export function* invalidateRangeEnd(kvm: Kvm, start: Hva, end: Hva): Task {
  const idx = yield* kvm.srcu.readLock();
  if ((yield* slotsIn(kvm, start, end)).length > 0) {
    yield* kvm.mmuLock.writeLock();
    yield* kvm.slotsLock.lock();
    yield* invalidateEnd(kvm);
    yield* kvm.slotsLock.unlock();
    yield* kvm.mmuLock.writeUnlock();
  }
  yield* kvm.srcu.readUnlock(idx);
  yield* kvm.mnInvalidateLock.lock();
  yield* kvm.mnActiveInvalidateCount.fetchAdd(-1);
  yield* kvm.mnInvalidateLock.unlock();
}
