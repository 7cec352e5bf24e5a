/** A vCPU looks which slots there are before it has slots_arch_lock. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslots } from '../src/virt/memslots.ts';
import { memslotsOf } from '../src/virt/memslots-search.ts';
import { SlotRmap } from '../src/x86/slot-rmap.ts';

/** @replaces packages/kvm/src/x86/first-shadow-root.ts#mmuFirstShadowRootAlloc 0957ac0c */
export function* mmuFirstShadowRootAlloc(kvm: Kvm): Task {
  if ((yield* kvm.shadowRootAllocated.loadAcquire()) === 1) return;
  const slots = memslotsOf((yield* kvm.memslots.at(0).rcuDereference()) as Memslots);
  yield* kvm.slotsArchLock.lock();
  for (const slot of slots) if (slot.rmap === null) slot.rmap = SlotRmap.alloc();
  yield* kvm.shadowRootAllocated.storeRelease(1);
  yield* kvm.slotsArchLock.unlock();
}
