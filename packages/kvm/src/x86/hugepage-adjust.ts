/**
 * @area mmu
 *
 * How large a page a fault may map. The host is asked without a lock; under mmu_lock, after the sequence of invalidations
 * was compared, its answer holds: to split its own huge page it has to announce that, and for that it needs mmu_lock.
 */
import type { Task } from '@faultline/machine';
import { hostPfnMappingLevel } from '../host/huge-pmd.ts';
import type { MmStruct } from '../host/mm.ts';
import { type Gfn, gfnOf, PAGE_SIZE, type Pfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { hvaOf, KVM_MEM_LOG_DIRTY_PAGES, type Memslot } from '../virt/memslots.ts';
import type { PageFault } from './page-fault.ts';
import { framesAt } from './tdp-geometry.ts';

/** Decides the level that the fault maps its frame at. Under mmu_lock. @kernel kvm_mmu_hugepage_adjust arch/x86/kvm/mmu/mmu.c */
export function* hugepageAdjust(kvm: Kvm, fault: PageFault, slot: Memslot): Task {
  fault.goalLevel = 1;
  if (kvm.config.hugePages === 0) return;
  // A write to one page of a huge one says nothing of the others.
  small_pages_while_logging: if ((slot.flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0) return;
  fault.goalLevel = yield* maxMappingLevel(kvm, slot, gfnOf(fault.gpa));
}

/** @kernel kvm_mmu_max_mapping_level arch/x86/kvm/mmu/mmu.c */
export function* maxMappingLevel(kvm: Kvm, slot: Memslot, gfn: Gfn): Task<number> {
  if (!fitsSlot(kvm, slot, gfn)) return 1;
  return yield* hostPfnMappingLevel(kvm.mmStruct as MmStruct, hvaOf(slot, gfn));
}

/** First of the frames, or first of the host's frames, that are huge together with this one. */
export function firstOfHuge<N extends Gfn | Pfn>(kvm: Kvm, frame: N): N {
  return (frame - (frame % framesAt(kvm, 2))) as N;
}

/** The slot has the whole range, and guest and host addresses lie alike in theirs. @kernel lpage_info_slot, kvm_alloc_memslot_metadata arch/x86/kvm/x86.c */
function fitsSlot(kvm: Kvm, slot: Memslot, gfn: Gfn): boolean {
  const frames = framesAt(kvm, 2);
  const first = firstOfHuge(kvm, gfn);
  if (first < slot.baseGfn || first + frames > slot.baseGfn + slot.npages) return false;
  return (slot.baseGfn - slot.userspaceAddr / PAGE_SIZE) % frames === 0;
}
