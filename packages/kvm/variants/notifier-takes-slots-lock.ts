/** The end of an invalidation looks the slots up under slots_lock, to be safe from updates. */
import type { Task } from '@faultline/machine';
import type { Hva } from '../src/types.ts';
import { slotsIn } from '../src/virt/hva-range.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { invalidateEnd } from '../src/virt/mmu-notifier.ts';

/** @replaces packages/kvm/src/virt/mmu-notifier.ts#invalidateRangeEnd 7b6505c0 */
/** @kernel kvm_mmu_notifier_invalidate_range_end virt/kvm/kvm_main.c */
export function* invalidateRangeEnd(kvm: Kvm, start: Hva, end: Hva): Task {
  yield* kvm.slotsLock.lock();
  if ((yield* slotsIn(kvm, start, end)).length > 0) {
    yield* kvm.mmuLock.writeLock();
    yield* invalidateEnd(kvm);
    yield* kvm.mmuLock.writeUnlock();
  }
  yield* kvm.slotsLock.unlock();
  yield* kvm.mnInvalidateLock.lock();
  yield* kvm.mnActiveInvalidateCount.fetchAdd(-1);
  yield* kvm.mnInvalidateLock.unlock();
}
