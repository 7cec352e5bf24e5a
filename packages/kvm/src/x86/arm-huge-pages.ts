/**
 * @area dirty
 *
 * Initially-set: nothing is protected when logging starts, so huge pages are still writable when user space clears their
 * pages. Each huge page of which a page is cleared is split, or protected as page tables are: without MMU-writable, so that
 * the fast path does not fix it.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import type { Memslot } from '../virt/memslots.ts';
import { firstOfHuge } from './hugepage-adjust.ts';
import { framesAt } from './tdp-geometry.ts';
import { trySplitHugePages } from './tdp-split.ts';
import { writeProtectTracked } from './tdp-write-protect-gfn.ts';

/**
 * Under mmu_lock held for write, before the small pages of a word of the bitmap are armed: `first` is its frame of bit 0.
 * Returns whether TLBs have to be flushed.
 *
 * @kernel kvm_arch_mmu_enable_log_dirty_pt_masked arch/x86/kvm/mmu/mmu.c
 */
export function* armHugePages(kvm: Kvm, slot: Memslot, first: Gfn, mask: number): Task<boolean> {
  if (kvm.config.hugePages === 0 || kvm.config.dirtyLogInitiallySet === 0 || mask === 0) return false;
  const start = (first + 31 - Math.clz32(mask & -mask)) as Gfn;
  const end = (first + 31 - Math.clz32(mask)) as Gfn;
  if (kvm.config.eagerPageSplit === 1) {
    yield* trySplitHugePages(kvm, slot.asId, start, (end + 1) as Gfn, false);
  }
  let flush = false;
  protect_huge_pages: for (const gfn of hugePagesOf(kvm, start, end)) {
    flush = (yield* writeProtectTracked(kvm, gfn, 2)) || flush;
  }
  return flush;
}

/**
 * A frame of each huge page from `start` to `end`. A word of 64 bits meets at most two of 512 pages, and two it does meet:
 * its first frame is the slot's, which need not be aligned. Pages of the model are smaller, so that a word has more.
 */
export function hugePagesOf(kvm: Kvm, start: Gfn, end: Gfn): Gfn[] {
  const found: Gfn[] = [];
  for (let gfn = firstOfHuge(kvm, start); gfn <= end; gfn = (gfn + framesAt(kvm, 2)) as Gfn) found.push(gfn);
  return found;
}
