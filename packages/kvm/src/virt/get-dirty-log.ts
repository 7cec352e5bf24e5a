/**
 * @area dirty
 *
 * KVM_GET_DIRTY_LOG by write protection: takes the bits, protects the pages that they name, so that the next write to
 * one of them faults and is logged again, and flushes, so that no vCPU writes on through its TLB.
 */
import type { Task } from '@faultline/machine';
import { ENOENT } from '../errno.ts';
import type { Gfn } from '../types.ts';
import { flushRemoteTlbs } from '../x86/flush.ts';
import { writeProtectGfn } from '../x86/tdp-protect.ts';
import type { Kvm } from './kvm.ts';
import type { Memslot, Memslots } from './memslots.ts';
import { idToMemslot } from './memslots-search.ts';

/** Bits of the slot's pages, 32 a word, or a negative errno. @kernel kvm_get_dirty_log_protect virt/kvm/kvm_main.c */
export function* getDirtyLog(kvm: Kvm, slotId: number): Task<number[] | number> {
  yield* kvm.slotsLock.lock();
  const slots = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  const slot = idToMemslot(slots, slotId);
  const result = slot === null || slot.dirtyBitmap === null ? -ENOENT : yield* takeDirtyBits(kvm, slot);
  yield* kvm.slotsLock.unlock();
  return result;
}

/** Under slots_lock: the bitmap stays. */
function* takeDirtyBits(kvm: Kvm, slot: Memslot): Task<number[]> {
  const bitmap = slot.dirtyBitmap as NonNullable<Memslot['dirtyBitmap']>;
  const taken: number[] = [];
  let flush = false;
  yield* kvm.mmuLock.writeLock();
  for (let word = 0; word * 32 < slot.npages; word++) {
    // Taken before the pages are protected: a write in between sets its bit again.
    const bits = yield* bitmap.words.at(word).xchg(0);
    taken.push(bits);
    // Whether or not an entry still has W: aging may have taken it away and left it in a TLB.
    flush_for_taken_bits: flush = flush || bits !== 0;
    for (let page = 0; page < 32; page++) {
      const gfn = (slot.baseGfn + word * 32 + page) as Gfn;
      if ((bits & (1 << page)) === 0) continue;
      protect_logged_pages: flush = (yield* writeProtectGfn(kvm, gfn)) || flush;
    }
  }
  yield* kvm.mmuLock.writeUnlock();
  flush_before_user_space: if (flush) yield* flushRemoteTlbs(kvm);
  return taken;
}
