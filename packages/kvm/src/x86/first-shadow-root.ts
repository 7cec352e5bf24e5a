/**
 * @area locks
 *
 * Slots get their reverse maps when the first vCPU needs a shadow root, which may be never. The vCPU is inside kvm->srcu
 * then, and changes slots all the same: under slots_arch_lock, which who replaces a slot holds as well, until the new one
 * is published.
 */
import { bugOn, type Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import type { Memslot, Memslots } from '../virt/memslots.ts';
import { memslotsOf, searchMemslots } from '../virt/memslots-search.ts';
import { SlotRmap } from './slot-rmap.ts';

/** Inside kvm->srcu, on a vCPU's thread: while it handles an exit. @kernel mmu_first_shadow_root_alloc arch/x86/kvm/mmu/mmu.c */
export function* mmuFirstShadowRootAlloc(kvm: Kvm): Task {
  // Pairs with the release below: who sees it need not look at the slots.
  if ((yield* kvm.shadowRootAllocated.loadAcquire()) === 1) return;
  rmaps_hold_slots_arch_lock: yield* kvm.slotsArchLock.lock();
  // Now, and not before: the set that is active until the lock is dropped again.
  const slots = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  yield* giveRmaps(kvm, slots);
  rmaps_hold_slots_arch_lock: yield* kvm.slotsArchLock.unlock();
}

/** Under slots_arch_lock. */
export function* giveRmaps(kvm: Kvm, slots: Memslots): Task {
  for (const slot of memslotsOf(slots)) if (slot.rmap === null) slot.rmap = SlotRmap.alloc();
  yield* kvm.shadowRootAllocated.storeRelease(1);
}

/** A slot that replaces `old`, or is new, before it is published: under slots_arch_lock. @kernel kvm_alloc_memslot_metadata arch/x86/kvm/x86.c */
export function prepareSlotRmap(kvm: Kvm, old: Memslot | null, next: Memslot): void {
  // Written under slots_arch_lock, which we hold.
  if (kvm.shadowRootAllocated.peek() === 0) return;
  give_new_slot_rmaps: next.rmap = old?.rmap ?? SlotRmap.alloc();
}

/** Notes an SPTE for a frame, as the shadow MMU does for each that it installs. Inside kvm->srcu. @kernel rmap_add arch/x86/kvm/mmu/mmu.c */
export function* rmapAdd(kvm: Kvm, gfn: Gfn): Task {
  const slots = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  const slot = yield* searchMemslots(slots, gfn);
  if (slot === null) return;
  const { rmap } = slot;
  bugOn(rmap === null, 'NULL pointer dereference in gfn_to_rmap()');
  yield* (rmap as SlotRmap).entries.fetchAdd(1);
}
