/** Both address spaces start from the same generation: an answer of one fits the other. */
import type { Kvm } from '../src/virt/kvm.ts';
import { PRIVATE_MEM_SLOTS } from '../src/virt/memory-region.ts';
import { allocMemslots } from '../src/virt/memslots.ts';

/** @replaces packages/kvm/src/virt/create-vm.ts#createMemslots 108e052b */
export function createMemslots(kvm: Kvm, start: number): void {
  const { addressSpaces, flatMemslots, userMemSlots } = kvm.config;
  for (let asId = 0; asId < addressSpaces; asId++) {
    const capacity = flatMemslots === 1 ? userMemSlots + PRIVATE_MEM_SLOTS : 0;
    const active = allocMemslots(capacity);
    const inactive = allocMemslots(capacity);
    inactive.nodeIdx = 1;
    active.generation.poke(start);
    kvm.memslots.at(asId).poke(active);
    kvm.sets.set(asId * 2, active);
    kvm.sets.set(asId * 2 + 1, inactive);
  }
}
