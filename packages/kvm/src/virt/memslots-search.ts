/** Finding slots in a set: by frame, by id, and all of them. Readers are inside kvm->srcu, or hold slots_lock. */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from './kvm.ts';
import { contains, ID_BUCKETS, type Memslot, type Memslots } from './memslots.ts';
import { treeSearch } from './memslots-tree.ts';

/** Finds the slot of a frame in one set, by the hint first. @kernel search_memslots, kvm_memslots include/linux/kvm_host.h */
export function* searchMemslots(slots: Memslots, gfn: Gfn): Task<Memslot | null> {
  if (slots.capacity > 0) return yield* searchFlat(slots, gfn);
  const hint = yield* slots.lastUsedSlot.readOnce();
  if (hint !== null && contains(hint, gfn)) return hint;
  const slot = treeSearch(slots, gfn);
  if (slot !== null) yield* slots.lastUsedSlot.writeOnce(slot);
  return slot;
}

/** Binary search of the 2014 array, which is sorted by base_gfn, highest first. */
function* searchFlat(slots: Memslots, gfn: Gfn): Task<Memslot | null> {
  const used = slots.usedSlots;
  const hint = yield* slots.lruSlot.readOnce();
  if (hint < used && contains(slots.entries.at(hint).slot, gfn)) return slots.entries.at(hint).slot;
  let start = 0;
  let end = used;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if (gfn >= slots.entries.at(middle).slot.baseGfn) end = middle;
    else start = middle + 1;
  }
  // A frame below every slot leaves start at the end of the array.
  if (start >= used || !contains(slots.entries.at(start).slot, gfn)) return null;
  yield* slots.lruSlot.writeOnce(start);
  return slots.entries.at(start).slot;
}

/** Whether an argument of an ioctl (address space, id) may name a slot of user space. */
export function isUserSlot({ config }: Kvm, slotArg: number): boolean {
  return slotArg >>> 16 < config.addressSpaces && (slotArg & 0xffff) < config.userMemSlots;
}

/** The slot with this id, valid or not. @kernel id_to_memslot include/linux/kvm_host.h */
export function idToMemslot(slots: Memslots, id: number): Memslot | null {
  if (slots.capacity > 0) {
    if (id >= slots.capacity) return null;
    const slot = slots.entries.at(slots.entries.at(id).idToIndex).slot;
    return slot.npages > 0 && slot.id === id ? slot : null;
  }
  let slot = slots.idHash.get(id % ID_BUCKETS);
  while (slot !== null && slot.id !== id) slot = slot.nodes.at(slots.nodeIdx).nextId;
  return slot;
}

/** Slots of the set, in no promised order. Under slots_lock. @kernel kvm_for_each_memslot include/linux/kvm_host.h */
export function memslotsOf(slots: Memslots): Memslot[] {
  const found: Memslot[] = [];
  if (slots.capacity > 0) {
    for (let i = 0; i < slots.usedSlots; i++) found.push(slots.entries.at(i).slot);
    return found;
  }
  for (let bucket = 0; bucket < ID_BUCKETS; bucket++) {
    let slot = slots.idHash.get(bucket);
    while (slot !== null) {
      found.push(slot);
      slot = slot.nodes.at(slots.nodeIdx).nextId;
    }
  }
  return found;
}
