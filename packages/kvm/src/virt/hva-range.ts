/** Which guest frames a range of host addresses backs: MMU notifiers speak of the one, page tables of the other. */
import type { Task } from '@faultline/machine';
import { type Gfn, type Hva, PAGE_SIZE } from '../types.ts';
import type { Kvm } from './kvm.ts';
import type { Memslot, Memslots } from './memslots.ts';
import { memslotsOf } from './memslots-search.ts';

/** Slots with memory in [start, end), of every address space. Inside kvm->srcu. @kernel __kvm_handle_hva_range virt/kvm/kvm_main.c */
export function* slotsIn(kvm: Kvm, start: Hva, end: Hva): Task<Memslot[]> {
  const found: Memslot[] = [];
  for (let asId = 0; asId < kvm.config.addressSpaces; asId++) {
    const slots = (yield* kvm.memslots.at(asId).rcuDereference()) as Memslots;
    for (const slot of memslotsOf(slots)) {
      const from = slot.userspaceAddr;
      if (from < end && start < from + slot.npages * PAGE_SIZE) found.push(slot);
    }
  }
  return found;
}

/** Frames of the slot whose host addresses meet [start, end). @kernel hva_to_gfn_memslot include/linux/kvm_host.h */
export function gfnsIn(slot: Memslot, start: Hva, end: Hva): Gfn[] {
  const first = Math.max(0, Math.floor((start - slot.userspaceAddr) / PAGE_SIZE));
  const last = Math.min(slot.npages, Math.ceil((end - slot.userspaceAddr) / PAGE_SIZE));
  const found: Gfn[] = [];
  for (let i = first; i < last; i++) found.push((slot.baseGfn + i) as Gfn);
  return found;
}
