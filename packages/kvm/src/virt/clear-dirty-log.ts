/**
 * @area dirty
 *
 * KVM_CLEAR_DIRTY_LOG: user space says which pages it is about to copy; their bits go, and they are armed again. Pages that
 * it leaves out stay writable and dirty.
 */
import { at, type Task } from '@faultline/machine';
import { EINVAL, ENOENT, ENXIO } from '../errno.ts';
import { syncDirtyLog } from '../hw/pml.ts';
import { flushRemoteTlbs } from '../x86/flush.ts';
import { rearmMasked } from './get-dirty-log.ts';
import type { Kvm } from './kvm.ts';
import type { Memslot, Memslots } from './memslots.ts';
import { idToMemslot, isUserSlot } from './memslots-search.ts';
import { kvmMmuLock, kvmMmuUnlock } from './mmu-lock.ts';

/** @kernel struct kvm_clear_dirty_log include/uapi/linux/kvm.h */
export interface ClearDirtyLog {
  readonly slot: number;
  /** A multiple of 64, as is `numPages` unless it reaches the end of the slot. */
  readonly firstPage: number;
  readonly numPages: number;
  /** 32 pages a word, from `firstPage` on. */
  readonly bitmap: readonly number[];
}

/** Returns 0 or a negative errno. @kernel kvm_clear_dirty_log_protect virt/kvm/kvm_main.c */
export function* clearDirtyLog(kvm: Kvm, log: ClearDirtyLog): Task<number> {
  if (kvm.dirtyRingSize > 0) return -ENXIO;
  if (!isUserSlot(kvm, log.slot)) return -EINVAL;
  yield* kvm.slotsLock.lock();
  const slots = (yield* kvm.memslots.at(log.slot >>> 16).rcuDereference()) as Memslots;
  const slot = idToMemslot(slots, log.slot & 0xffff);
  const result = refuse(slot, log);
  if (result === 0) yield* clearAndFlush(kvm, slots, slot as Memslot, log);
  yield* kvm.slotsLock.unlock();
  return result;
}

function refuse(slot: Memslot | null, { firstPage, numPages }: ClearDirtyLog): number {
  if (firstPage % 64 !== 0) return -EINVAL;
  if (slot === null || slot.dirtyBitmap === null) return -ENOENT;
  const left = slot.npages - firstPage;
  if (left < 0 || numPages > left || (numPages < left && numPages % 64 !== 0)) return -EINVAL;
  return 0;
}

function* clearAndFlush(kvm: Kvm, slots: Memslots, slot: Memslot, log: ClearDirtyLog): Task {
  yield* syncDirtyLog(kvm, slots);
  yield* kvmMmuLock(kvm);
  const flush = yield* clearDirtyBits(kvm, slot, log);
  yield* kvmMmuUnlock(kvm);
  flush_after_clear: if (flush) yield* flushRemoteTlbs(kvm);
}

/** Under mmu_lock held for write. Returns whether TLBs have to be flushed. */
export function* clearDirtyBits(kvm: Kvm, slot: Memslot, log: ClearDirtyLog): Task<boolean> {
  const { words } = slot.dirtyBitmap as NonNullable<Memslot['dirtyBitmap']>;
  const first = log.firstPage / 32;
  let flush = false;
  for (let i = 0; i * 32 < log.numPages; i++) {
    const asked = maskOf(log, i);
    if (asked === 0) continue;
    // The bits go before the pages are armed, and only those that were there: what was clean is armed already.
    const mask = asked & (yield* words.at(first + i).fetchAndnot(asked, at('dirty.clear_bits_andnot')));
    flush = flush || mask !== 0;
    rearm_cleared_pages: flush = (yield* rearmMasked(kvm, slot, first + i, mask)) || flush;
  }
  return flush;
}

/** Word `i` of the user's bitmap, without bits beyond `numPages`. */
export function maskOf({ bitmap, numPages }: ClearDirtyLog, i: number): number {
  const pages = Math.min(32, numPages - i * 32);
  const word = bitmap[i] ?? 0;
  return (pages === 32 ? word : word & ((1 << pages) - 1)) >>> 0;
}
