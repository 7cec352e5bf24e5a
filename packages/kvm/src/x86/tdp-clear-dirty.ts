/**
 * @area dirty
 *
 * Dirty logging by Dirty bits: a page counts as clean from the moment its D is cleared, and the hardware notes it in a log
 * of the vCPU when it sets D again. Entries whose D bit does not tell are write-protected instead.
 */
import { at, type Task } from '@faultline/machine';
import { type MmStruct, setPfnDirty } from '../host/mm.ts';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { rmapWriteProtect } from './shadow/protect.ts';
import { pfnOf } from './spte.ts';
import { needsWriteProtect } from './spte-predicates.ts';
import { type Leaf, presentLeaf } from './tdp-leaf.ts';
import { writeProtectLeaf } from './tdp-protect.ts';
import { formatOf } from './tdp-spte.ts';

/** Under mmu_lock held for write: the next write to the page is noted. Returns whether the entry changed. @kernel clear_dirty_pt_masked arch/x86/kvm/mmu/tdp_mmu.c */
export function* rearmGfn(kvm: Kvm, gfn: Gfn): Task<boolean> {
  if (kvm.shadowMmu !== null) return yield* rmapWriteProtect(kvm, gfn, false);
  const leaf = yield* presentLeaf(kvm, gfn);
  // A huge page of a slot that logs has no W: it is split when it is written.
  if (leaf === null || leaf.level > 1) return false;
  return yield* rearmLeaf(kvm, leaf);
}

/** The same for an entry that was found. A huge page is protected whatever the hardware logs: of it only one page would be. @kernel clear_dirty_gfn_range, wrprot_gfn_range arch/x86/kvm/mmu/tdp_mmu.c */
export function* rearmLeaf(kvm: Kvm, leaf: Leaf): Task<boolean> {
  const format = formatOf(kvm);
  if (kvm.config.pmlEntries === 0 || leaf.level > 1 || needsWriteProtect(format, leaf.spte)) {
    return yield* writeProtectLeaf(kvm, leaf.sptep, leaf.spte);
  }
  // One bit and nothing else: the hardware may be setting A, or D again, and the fast path W.
  const old = yield* leaf.sptep.fetchAndnot(format.dirty, at('dirty.clear_dirty_andnot'));
  if ((old & format.dirty) === 0n) return false;
  report_cleared_dirty: yield* setPfnDirty(kvm.mmStruct as MmStruct, pfnOf(old));
  return true;
}
