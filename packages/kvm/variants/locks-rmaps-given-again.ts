/** A vCPU gives every slot reverse maps, whether it has some or not. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslots } from '../src/virt/memslots.ts';
import { memslotsOf } from '../src/virt/memslots-search.ts';
import { SlotRmap } from '../src/x86/slot-rmap.ts';

/** @replaces packages/kvm/src/x86/first-shadow-root.ts#giveRmaps 94957fb3 */
export function* giveRmaps(kvm: Kvm, slots: Memslots): Task {
  for (const slot of memslotsOf(slots)) slot.rmap = SlotRmap.alloc();
  yield* kvm.shadowRootAllocated.storeRelease(1);
}
