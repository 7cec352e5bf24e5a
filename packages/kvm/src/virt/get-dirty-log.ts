/**
 * @area dirty
 *
 * KVM_GET_DIRTY_LOG: takes the bits, arms the pages that they name, so that the next write to one of them is logged
 * again, and flushes, so that no vCPU writes on through its TLB. With KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 it only copies the
 * bits; the rest is for KVM_CLEAR_DIRTY_LOG.
 */
import { at, type Task } from '@faultline/machine';
import { EINVAL, ENOENT, ENXIO } from '../errno.ts';
import { syncDirtyLog } from '../hw/pml.ts';
import type { Gfn } from '../types.ts';
import { armHugePages } from '../x86/arm-huge-pages.ts';
import { flushRemoteTlbs } from '../x86/flush.ts';
import { rearmGfn } from '../x86/tdp-clear-dirty.ts';
import type { Kvm } from './kvm.ts';
import type { Memslot, Memslots } from './memslots.ts';
import { idToMemslot, isUserSlot } from './memslots-search.ts';
import { kvmMmuLock, kvmMmuUnlock } from './mmu-lock.ts';

/**
 * Bits of the slot's pages, 32 a word, or a negative errno. `slotArg`: address space in the high 16 bits, id in the low ones.
 *
 * @kernel kvm_get_dirty_log_protect virt/kvm/kvm_main.c
 */
export function* getDirtyLog(kvm: Kvm, slotArg: number): Task<number[] | number> {
  if (kvm.dirtyRingSize > 0) return -ENXIO;
  if (!isUserSlot(kvm, slotArg)) return -EINVAL;
  yield* kvm.slotsLock.lock();
  const slots = (yield* kvm.memslots.at(slotArg >>> 16).rcuDereference()) as Memslots;
  const slot = idToMemslot(slots, slotArg & 0xffff);
  const result = slot === null || slot.dirtyBitmap === null ? -ENOENT : yield* harvest(kvm, slots, slot);
  yield* kvm.slotsLock.unlock();
  return result;
}

/** Under slots_lock: the bitmap stays. */
function* harvest(kvm: Kvm, slots: Memslots, slot: Memslot): Task<number[]> {
  sync_hardware_log: yield* syncDirtyLog(kvm, slots);
  if (kvm.config.dirtyLogManualProtect === 1) return yield* copyDirtyBits(slot);
  const taken: number[] = [];
  yield* kvmMmuLock(kvm);
  const flush = yield* takeDirtyBits(kvm, slot, taken);
  yield* kvmMmuUnlock(kvm);
  flush_before_user_space: if (flush) yield* flushRemoteTlbs(kvm);
  return taken;
}

/** Under mmu_lock held for write. Returns whether TLBs have to be flushed. */
export function* takeDirtyBits(kvm: Kvm, slot: Memslot, taken: number[]): Task<boolean> {
  const bitmap = slot.dirtyBitmap as NonNullable<Memslot['dirtyBitmap']>;
  let flush = false;
  for (let word = 0; word * 32 < slot.npages; word++) {
    // Taken before the pages are armed: a write in between sets its bit again. vCPUs set bits without a lock.
    const bits = yield* bitmap.words.at(word).xchg(0, at('dirty.take_bits_xchg'));
    taken.push(bits);
    // Whether or not an entry still has W: aging may have taken it away and left it in a TLB.
    flush_for_taken_bits: flush = flush || bits !== 0;
    protect_logged_pages: flush = (yield* rearmMasked(kvm, slot, word, bits)) || flush;
  }
  return flush;
}

/** Under mmu_lock held for write: the next write to each page of a word of the bitmap is logged. @kernel kvm_arch_mmu_enable_log_dirty_pt_masked arch/x86/kvm/mmu/mmu.c */
export function* rearmMasked(kvm: Kvm, slot: Memslot, word: number, mask: number): Task<boolean> {
  let flush = yield* armHugePages(kvm, slot, (slot.baseGfn + word * 32) as Gfn, mask);
  for (let page = 0; page < 32; page++) {
    if ((mask & (1 << page)) === 0) continue;
    flush = (yield* rearmGfn(kvm, (slot.baseGfn + word * 32 + page) as Gfn)) || flush;
  }
  return flush;
}

/** The bits stay: user space clears what it copies. */
export function* copyDirtyBits(slot: Memslot): Task<number[]> {
  const bitmap = slot.dirtyBitmap as NonNullable<Memslot['dirtyBitmap']>;
  const copy: number[] = [];
  for (let word = 0; word * 32 < slot.npages; word++) copy.push(yield* bitmap.words.at(word).readOnce());
  return copy;
}
