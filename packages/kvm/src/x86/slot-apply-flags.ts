/**
 * @area dirty
 *
 * Dirty logging of a slot that is in use is turned on or off. The new flags are published and no reader of the old ones is
 * left when this runs: every fault from here on logs what it maps, so what was mapped before is all there is to protect.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { KVM_MEM_LOG_DIRTY_PAGES, type Memslot } from '../virt/memslots.ts';
import { kvmMmuLock, kvmMmuUnlock } from '../virt/mmu-lock.ts';
import { flushRemoteTlbs } from './flush.ts';
import { rearmGfn, rearmLeaf } from './tdp-clear-dirty.ts';
import { framesAt } from './tdp-geometry.ts';
import { presentLeaf } from './tdp-leaf.ts';
import { zapCollapsibleSptes } from './tdp-recover.ts';
import { slotTrySplitHugePages } from './tdp-split.ts';

/** Under slots_lock, after the grace period; `oldFlags` are those from before. @kernel kvm_mmu_slot_apply_flags arch/x86/kvm/x86.c */
export function* slotApplyFlags(kvm: Kvm, oldFlags: number, slot: Memslot): Task {
  if (kvm.config.tdpMmu === 0) return;
  const logs = (slot.flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0;
  if (logs === ((oldFlags & KVM_MEM_LOG_DIRTY_PAGES) !== 0)) return;
  if (!logs) {
    // Larger pages could stand there again.
    if (kvm.config.tdpLevels > 1 && kvm.shadowMmu === null) {
      const end = (slot.baseGfn + slot.npages) as Gfn;
      recover_huge_pages: yield* zapCollapsibleSptes(kvm, slot.asId, slot.baseGfn, end, slot);
    }
    return;
  }
  // Everything counts as dirty: pages are protected when user space clears them.
  if (kvm.config.dirtyLogInitiallySet === 1) return;
  split_when_logging_starts: if (kvm.config.eagerPageSplit === 1) yield* slotTrySplitHugePages(kvm, slot);
  yield* protectSlot(kvm, slot);
  // Whether or not an entry changed: aging or another harvest may have left its translation in a TLB.
  flush_when_logging_starts: yield* flushRemoteTlbs(kvm);
}

/** @kernel kvm_mmu_slot_remove_write_access arch/x86/kvm/mmu/mmu.c */
export function* protectSlot(kvm: Kvm, slot: Memslot): Task {
  yield* kvmMmuLock(kvm);
  protect_when_logging_starts: for (let page = 0; page < slot.npages; ) {
    if (kvm.shadowMmu !== null) {
      yield* rearmGfn(kvm, (slot.baseGfn + page++) as Gfn);
      continue;
    }
    const leaf = yield* presentLeaf(kvm, (slot.baseGfn + page) as Gfn);
    if (leaf !== null) yield* rearmLeaf(kvm, leaf);
    page += leaf === null ? 1 : framesAt(kvm, leaf.level);
  }
  yield* kvmMmuUnlock(kvm);
}
