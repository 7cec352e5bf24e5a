/**
 * @area arm64
 *
 * Memslots and their dirty log, as far as stage-2 tables are concerned: one array, replaced as a whole.
 */
import type { Task } from '@faultline/machine';
import { ENOENT } from '../errno.ts';
import type { Gfn, Pfn } from '../types.ts';
import { flushVmid } from './stage2-flush.ts';
import { prepareMemoryRegion } from './stage2-ioremap.ts';
import { stage2WpRange, unmapStage2Range } from './stage2-unmap.ts';
import { type ArmKvm, type ArmSlot, ArmSlots, MAX_SLOTS } from './state.ts';

export interface ArmRegion {
  readonly id: number;
  readonly baseGfn: number;
  /** 0 deletes the slot. */
  readonly npages: number;
  readonly page: number;
  readonly logging?: boolean;
  /** Device memory from this frame on: mapped at once. */
  readonly device?: number;
}

/** 0 or a negative errno. @kernel __kvm_set_memory_region virt/kvm/kvm_main.c */
export function* setRegion(kvm: ArmKvm, region: ArmRegion): Task<number> {
  replace_slots_alone: yield* kvm.slotsLock.lock();
  const result = yield* setRegionLocked(kvm, region);
  replace_slots_alone: yield* kvm.slotsLock.unlock();
  return result;
}

function* setRegionLocked(kvm: ArmKvm, region: ArmRegion): Task<number> {
  const old = (yield* kvm.slots.readOnce()) as ArmSlots;
  const next = ArmSlots.alloc();
  const gone = copySlots(old, next, region.id);
  if (region.npages === 0) {
    if (gone === null) return -ENOENT;
    yield* publish(kvm, old, next);
    yield* flushShadowMemslot(kvm, gone.baseGfn as Gfn, gone.npages);
    ArmSlots.free(old);
    return 0;
  }
  const slot = addSlot(next, region);
  if (region.device !== undefined) {
    const result = yield* prepareMemoryRegion(kvm, slot, region.device as Pfn);
    if (result !== 0) return result;
  }
  yield* publish(kvm, old, next);
  // Blocks stay: a write to one of them dissolves it.
  if (slot.logging === 1) yield* wpMemoryRegion(kvm, slot);
  ArmSlots.free(old);
  return 0;
}

/** For set-up too. */
export function addSlot(slots: ArmSlots, region: ArmRegion): ArmSlot {
  const slot = slots.slot.at(slots.count);
  slots.count++;
  slot.id = region.id;
  slot.baseGfn = region.baseGfn;
  slot.npages = region.npages;
  slot.page = region.page;
  slot.logging = region.logging === true ? 1 : 0;
  return slot;
}

/** Copies all slots but one, which it returns. */
function copySlots(old: ArmSlots, next: ArmSlots, without: number): ArmSlot | null {
  let gone: ArmSlot | null = null;
  for (let i = 0; i < old.count && i < MAX_SLOTS; i++) {
    const { id, baseGfn, npages, page, logging } = old.slot.at(i);
    if (id === without) gone = old.slot.at(i);
    else addSlot(next, { id, baseGfn, npages, page, logging: logging === 1 });
  }
  return gone;
}

function* publish(kvm: ArmKvm, _old: ArmSlots, next: ArmSlots): Task {
  yield* kvm.slots.assign(next);
  // Faults that still see the old ones map what they say.
  wait_for_faults: yield* kvm.srcu.synchronize();
}

/** @kernel kvm_arch_flush_shadow_memslot virt/kvm/arm/mmu.c */
export function* flushShadowMemslot(kvm: ArmKvm, first: Gfn, npages: number): Task {
  yield* kvm.mmuLock.lock();
  yield* unmapStage2Range(kvm, first, (first + npages) as Gfn);
  yield* kvm.mmuLock.unlock();
}

/** @kernel kvm_mmu_wp_memory_region virt/kvm/arm/mmu.c */
export function* wpMemoryRegion(kvm: ArmKvm, slot: ArmSlot): Task {
  const first = slot.baseGfn as Gfn;
  yield* kvm.mmuLock.lock();
  yield* stage2WpRange(kvm, first, (first + slot.npages) as Gfn);
  yield* kvm.mmuLock.unlock();
  flush_protected: yield* flushVmid(kvm);
}

/** Pages written since the last call, a bit each; or -ENOENT. @kernel kvm_get_dirty_log_protect virt/kvm/kvm_main.c */
export function* armGetDirtyLog(kvm: ArmKvm, id: number): Task<number> {
  // The array that it looks in is freed by whoever replaces it.
  harvest_holds_slots_lock: yield* kvm.slotsLock.lock();
  const slot = findSlot((yield* kvm.slots.readOnce()) as ArmSlots, id);
  if (slot === null) {
    harvest_holds_slots_lock: yield* kvm.slotsLock.unlock();
    return -ENOENT;
  }
  harvest_holds_mmu_lock: yield* kvm.mmuLock.lock();
  const bits = yield* kvm.dirty.at(id).xchg(0);
  for (let i = 0; i < slot.npages; i++) {
    const gfn = (slot.baseGfn + i) as Gfn;
    if ((bits & (1 << i)) !== 0) yield* stage2WpRange(kvm, gfn, (gfn + 1) as Gfn);
  }
  harvest_holds_mmu_lock: yield* kvm.mmuLock.unlock();
  flush_log: if (bits !== 0) yield* flushVmid(kvm);
  harvest_holds_slots_lock: yield* kvm.slotsLock.unlock();
  return bits;
}

function findSlot(slots: ArmSlots, id: number): ArmSlot | null {
  for (let i = 0; i < slots.count && i < MAX_SLOTS; i++) {
    if (slots.slot.at(i).id === id) return slots.slot.at(i);
  }
  return null;
}
