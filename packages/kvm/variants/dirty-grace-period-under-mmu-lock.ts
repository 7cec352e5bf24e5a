/** When logging starts, faults that still have the old flags are waited for in the section of mmu_lock that protects the slot. */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslot } from '../src/virt/memslots.ts';
import { kvmMmuLock, kvmMmuUnlock } from '../src/virt/mmu-lock.ts';
import { rearmLeaf } from '../src/x86/tdp-clear-dirty.ts';
import { framesAt } from '../src/x86/tdp-geometry.ts';
import { presentLeaf } from '../src/x86/tdp-leaf.ts';

/** @replaces packages/kvm/src/x86/slot-apply-flags.ts#protectSlot 2c47c1a7 */
export function* protectSlot(kvm: Kvm, slot: Memslot): Task {
  yield* kvmMmuLock(kvm);
  yield* kvm.srcu.synchronize();
  for (let page = 0; page < slot.npages; ) {
    const leaf = yield* presentLeaf(kvm, (slot.baseGfn + page) as Gfn);
    if (leaf !== null) yield* rearmLeaf(kvm, leaf);
    page += leaf === null ? 1 : framesAt(kvm, leaf.level);
  }
  yield* kvmMmuUnlock(kvm);
}
