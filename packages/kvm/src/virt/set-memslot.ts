/**
 * @area memslots
 *
 * Changing a slot in the tree form. A slot that goes away is first published as INVALID: it can still be found, by a
 * zap or a notifier, but nothing new is mapped from it; only when its translations are gone does it disappear.
 */
import type { Task } from '@faultline/machine';
import { ENOMEM } from '../errno.ts';
import { kmallocFails } from '../host/kmalloc.ts';
import type { Gfn, Hva } from '../types.ts';
import { prepareSlotRmap } from '../x86/first-shadow-root.ts';
import { slotApplyFlags } from '../x86/slot-apply-flags.ts';
import { SlotRmap } from '../x86/slot-rmap.ts';
import { zapAll } from '../x86/zap.ts';
import { allocDirtyBitmap, DirtyBitmap } from './dirty-bitmap.ts';
import { inactiveSet, swapActiveMemslots } from './install-memslots.ts';
import type { Kvm } from './kvm.ts';
import {
  copyMemslot,
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEMSLOT_INVALID,
  Memslot,
  type Memslots,
} from './memslots.ts';
import { treeInsert, treeRemove } from './memslots-tree.ts';

/** @kernel enum kvm_mr_change include/linux/kvm_host.h */
export const Change = { NONE: 0, CREATE: 1, DELETE: 2, MOVE: 3, FLAGS_ONLY: 4 } as const;

/** A region after decoding: what the slot is to be. */
export interface Region {
  readonly id: number;
  readonly asId: number;
  readonly flags: number;
  readonly baseGfn: Gfn;
  readonly npages: number;
  readonly userspaceAddr: Hva;
}

/** Under slots_lock. Returns 0 or a negative errno; on an error nothing has changed. @kernel kvm_set_memslot virt/kvm/kvm_main.c */
export function* setMemslot(kvm: Kvm, old: Memslot | null, region: Region, change: number): Task<number> {
  const next = change === Change.DELETE ? null : newMemslot(region);
  let invalid: Memslot | null = null;
  yield* kvm.slotsArchLock.lock();
  if (old !== null && (change === Change.DELETE || change === Change.MOVE)) {
    if (yield* kmallocFails(kvm, 'invalid_slot')) {
      yield* kvm.slotsArchLock.unlock();
      if (next !== null) Memslot.free(next);
      return -ENOMEM;
    }
    invalid = Memslot.alloc();
    yield* invalidateMemslot(kvm, old, invalid);
  }
  const result = yield* prepareMemoryRegion(kvm, old, next);
  if (result === 0 && next !== null) prepareSlotRmap(kvm, old, next);
  if (result !== 0) {
    // The good slot comes back; the swap releases slots_arch_lock.
    if (old !== null && invalid !== null) {
      yield* activateMemslot(kvm, invalid, old);
      Memslot.free(invalid);
    } else {
      yield* kvm.slotsArchLock.unlock();
    }
    if (next !== null) Memslot.free(next);
    return result;
  }
  yield* switchMemslot(kvm, old, next, invalid ?? old);
  if (invalid !== null) Memslot.free(invalid);
  yield* commitMemoryRegion(kvm, old, next, change);
  return 0;
}

/** Publishes the slot as INVALID, then zaps what is mapped from it. Holds slots_arch_lock again on return. @kernel kvm_invalidate_memslot virt/kvm/kvm_main.c */
export function* invalidateMemslot(kvm: Kvm, old: Memslot, invalid: Memslot): Task {
  copyMemslot(invalid, old);
  invalid.flags |= KVM_MEMSLOT_INVALID;
  yield* replaceMemslot(yield* inactiveOf(kvm, old.asId), old, invalid);
  yield* swapActiveMemslots(kvm, old.asId);
  yield* flushShadowMemslot(kvm);
  yield* kvm.slotsArchLock.lock();
}

/** Replaces `old` by `next` in the inactive set, swaps, and repeats the edit in the other set. */
export function* switchMemslot(
  kvm: Kvm,
  old: Memslot | null,
  next: Memslot | null,
  stale: Memslot | null,
): Task {
  const asId = (old ?? (next as Memslot)).asId;
  yield* replaceMemslot(yield* inactiveOf(kvm, asId), old, next);
  yield* swapActiveMemslots(kvm, asId);
  // Both sets hold the same slots between updates: the next one starts from the other.
  repeat_edit_in_other_set: yield* replaceMemslot(yield* inactiveOf(kvm, asId), stale, next);
}

/** Puts a good slot back in place of its INVALID copy. @kernel kvm_activate_memslot virt/kvm/kvm_main.c */
export function* activateMemslot(kvm: Kvm, invalid: Memslot, old: Memslot): Task {
  // The inactive set is the one that the invalidation left behind: it still holds the good slot.
  yield* swapActiveMemslots(kvm, old.asId);
  yield* replaceMemslot(yield* inactiveOf(kvm, old.asId), invalid, old);
}

/** Edits a set that no reader uses. @kernel kvm_replace_memslot virt/kvm/kvm_main.c */
export function* replaceMemslot(slots: Memslots, old: Memslot | null, next: Memslot | null): Task {
  if (old !== null) {
    treeRemove(slots, old);
    // The hint of readers gone by may name the slot that leaves.
    drop_stale_hint: if ((yield* slots.lastUsedSlot.readOnce()) === old)
      yield* slots.lastUsedSlot.writeOnce(next);
  }
  if (next !== null) treeInsert(slots, next);
}

/** Decides the dirty bitmap. @kernel kvm_prepare_memory_region virt/kvm/kvm_main.c */
export function* prepareMemoryRegion(kvm: Kvm, old: Memslot | null, next: Memslot | null): Task<number> {
  if (next === null) return 0;
  if ((next.flags & KVM_MEM_LOG_DIRTY_PAGES) === 0) next.dirtyBitmap = null;
  // With rings, vCPUs say themselves what they write.
  else if (kvm.dirtyRingSize > 0) next.dirtyBitmap = null;
  else if (old?.dirtyBitmap) next.dirtyBitmap = old.dirtyBitmap;
  else {
    if (yield* kmallocFails(kvm, 'dirty_bitmap')) return -ENOMEM;
    next.dirtyBitmap = allocDirtyBitmap(next.npages, kvm.config.dirtyLogInitiallySet === 1);
  }
  return 0;
}

/** After the grace period: accounts pages and frees what no reader can reach. @kernel kvm_commit_memory_region virt/kvm/kvm_main.c */
export function* commitMemoryRegion(
  kvm: Kvm,
  old: Memslot | null,
  next: Memslot | null,
  change: number,
): Task {
  if (change === Change.FLAGS_ONLY) yield* slotApplyFlags(kvm, (old as Memslot).flags, next as Memslot);
  if (change === Change.CREATE) kvm.nrMemslotPages += (next as Memslot).npages;
  if (old === null) return;
  if (change === Change.DELETE) kvm.nrMemslotPages -= old.npages;
  if (old.dirtyBitmap !== null && old.dirtyBitmap !== (next?.dirtyBitmap ?? null)) {
    DirtyBitmap.free(old.dirtyBitmap);
  }
  if (old.rmap !== null && old.rmap !== (next?.rmap ?? null)) SlotRmap.free(old.rmap);
  Memslot.free(old);
}

/** No translation of the slot is left when it returns. @kernel kvm_arch_flush_shadow_memslot arch/x86/kvm/x86.c */
export function* flushShadowMemslot(kvm: Kvm): Task {
  zap_invalid_slot: yield* zapAll(kvm);
}

export function newMemslot(region: Region): Memslot {
  const slot = Memslot.alloc();
  fillMemslot(slot, region);
  return slot;
}

export function fillMemslot(slot: Memslot, region: Region): void {
  slot.id = region.id;
  slot.asId = region.asId;
  slot.baseGfn = region.baseGfn;
  slot.npages = region.npages;
  slot.flags = region.flags;
  slot.userspaceAddr = region.userspaceAddr;
}

export function* inactiveOf(kvm: Kvm, asId: number): Task<Memslots> {
  return inactiveSet(kvm, asId, (yield* kvm.memslots.at(asId).rcuDereference()) as Memslots);
}
