/**
 * @area notifier
 *
 * MMU notifiers: the host announces what it is about to take away. Between start and end of an invalidation nothing new
 * is mapped from the range; once start has returned, nothing that was mapped is used any more.
 *
 * mmu_invalidate_in_progress and mmu_invalidate_seq change under mmu_lock held for write. A fault reads the sequence
 * before it asks the host for a frame, and looks at both again under mmu_lock before it installs that frame.
 */
import { at, bugOn, smpWmb, type Task } from '@faultline/machine';
import type { Hva } from '../types.ts';
import { invalidateRangeHook } from '../x86/apic-access-slot.ts';
import { flushRemoteTlbs } from '../x86/flush.ts';
import { kvmUnmapGfnRange } from '../x86/gfn-range.ts';
import { slotsIn } from './hva-range.ts';
import { addInvalidateRange } from './invalidate-range.ts';
import type { Kvm } from './kvm.ts';
import type { Memslot } from './memslots.ts';
import { kvmMmuLock, kvmMmuUnlock } from './mmu-lock.ts';
import { gpcInvalidateStart } from './pfncache-invalidate.ts';

/**
 * Before the host changes [start, end).
 *
 * @kernel kvm_mmu_notifier_invalidate_range_start virt/kvm/kvm_main.c
 */
export function* invalidateRangeStart(kvm: Kvm, start: Hva, end: Hva): Task {
  // Counted before the slots are looked at, so that the set cannot be swapped between this start and its end.
  yield* kvm.mnInvalidateLock.lock();
  yield* kvm.mnActiveInvalidateCount.fetchAdd(1, at('notifier.count_invalidation'));
  yield* kvm.mnInvalidateLock.unlock();
  if (kvm.pfnCaches !== null) yield* gpcInvalidateStart(kvm.pfnCaches, start, end);
  const idx = yield* kvm.srcu.readLock();
  const slots = yield* slotsIn(kvm, start, end);
  if (slots.length > 0) {
    yield* kvmMmuLock(kvm);
    count_in_progress: kvm.mmuInvalidateInProgress++;
    addInvalidateRange(kvm, start, end);
    if (kvm.config.tdpMmu === 1) yield* unmapAndFlush(kvm, slots, start, end);
    yield* kvmMmuUnlock(kvm);
  }
  yield* kvm.srcu.readUnlock(idx);
}

/** After the host has changed it. @kernel kvm_mmu_notifier_invalidate_range_end virt/kvm/kvm_main.c */
export function* invalidateRangeEnd(kvm: Kvm, start: Hva, end: Hva): Task {
  const idx = yield* kvm.srcu.readLock();
  yield* invalidateRangeHook(kvm, start, end);
  if ((yield* slotsIn(kvm, start, end)).length > 0) {
    yield* kvmMmuLock(kvm);
    yield* invalidateEnd(kvm);
    yield* kvmMmuUnlock(kvm);
  }
  yield* kvm.srcu.readUnlock(idx);
  yield* kvm.mnInvalidateLock.lock();
  yield* kvm.mnActiveInvalidateCount.fetchAdd(-1);
  yield* kvm.mnInvalidateLock.unlock();
}

/** Under mmu_lock held for write. @kernel kvm_mmu_invalidate_end virt/kvm/kvm_main.c */
export function* invalidateEnd(kvm: Kvm): Task {
  const seq = yield* kvm.mmuInvalidateSeq.readOnce();
  bump_invalidate_seq: yield* kvm.mmuInvalidateSeq.writeOnce((seq + 1) >>> 0);
  // Pairs with the read barrier of whoever looks at both without mmu_lock: the count may fall only after the sequence rose.
  order_seq_before_count: yield* smpWmb();
  count_in_progress: kvm.mmuInvalidateInProgress--;
  bugOn(kvm.mmuInvalidateInProgress < 0, 'kvm->mmu_invalidate_in_progress < 0');
}

function* unmapAndFlush(kvm: Kvm, slots: readonly Memslot[], start: Hva, end: Hva): Task {
  let flush = false;
  for (const slot of slots) flush = (yield* kvmUnmapGfnRange(kvm, slot, start, end)) || flush;
  // Before the lock is dropped: who takes it next believes that what the tables say is what vCPUs use.
  flush_before_return: if (flush) yield* flushRemoteTlbs(kvm);
}
