/** Zapped under mmu_lock, flushed after it. */
import type { Task } from '@faultline/machine';
import type { Hva } from '../src/types.ts';
import { slotsIn } from '../src/virt/hva-range.ts';
import { addInvalidateRange } from '../src/virt/invalidate-range.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { flushRemoteTlbs } from '../src/x86/flush.ts';
import { unmapGfnRange } from '../src/x86/tdp-zap.ts';

/** @replaces packages/kvm/src/virt/mmu-notifier.ts#invalidateRangeStart 769760e2 */
/** @kernel kvm_mmu_notifier_invalidate_range_start virt/kvm/kvm_main.c */
export function* invalidateRangeStart(kvm: Kvm, start: Hva, end: Hva): Task {
  yield* kvm.mnInvalidateLock.lock();
  yield* kvm.mnActiveInvalidateCount.fetchAdd(1);
  yield* kvm.mnInvalidateLock.unlock();
  const idx = yield* kvm.srcu.readLock();
  const slots = yield* slotsIn(kvm, start, end);
  let flush = false;
  if (slots.length > 0) {
    yield* kvm.mmuLock.writeLock();
    kvm.mmuInvalidateInProgress++;
    addInvalidateRange(kvm, start, end);
    for (const slot of slots) flush = (yield* unmapGfnRange(kvm, slot, start, end)) || flush;
    yield* kvm.mmuLock.writeUnlock();
  }
  if (flush) yield* flushRemoteTlbs(kvm);
  yield* kvm.srcu.readUnlock(idx);
}
