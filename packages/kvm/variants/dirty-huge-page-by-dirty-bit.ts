/** Huge pages are logged as small ones are: by their Dirty bit, where the hardware has a log. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { needsWriteProtect } from '../src/x86/spte-predicates.ts';
import type { Leaf } from '../src/x86/tdp-leaf.ts';
import { writeProtectLeaf } from '../src/x86/tdp-protect.ts';
import { formatOf, reportDirty } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/tdp-clear-dirty.ts#rearmLeaf b35d7e6d */
/** @kernel clear_dirty_gfn_range arch/x86/kvm/mmu/tdp_mmu.c */
export function* rearmLeaf(kvm: Kvm, leaf: Leaf): Task<boolean> {
  const format = formatOf(kvm);
  if (kvm.config.pmlEntries === 0 || needsWriteProtect(format, leaf.spte)) {
    return yield* writeProtectLeaf(kvm, leaf.sptep, leaf.spte);
  }
  const old = yield* leaf.sptep.fetchAndnot(format.dirty);
  if ((old & format.dirty) === 0n) return false;
  yield* reportDirty(kvm, old);
  return true;
}
