/**
 * @area mmu
 *
 * Write protection of leaves under mmu_lock held for write: the entry stays MMU-writable, so that the fast path may undo
 * it and log the page.
 */
import { at, type Cell, type Task } from '@faultline/machine';
import type { Kvm } from '../virt/kvm.ts';
import { PT_WRITABLE } from './spte-format.ts';
import { isDirty } from './spte-predicates.ts';
import { formatOf, reportDirty } from './tdp-spte.ts';

/** Takes W from a leaf with one locked operation. Returns whether it had it. `_seen` is what the walk read there; the fast path may have set W since. @kernel clear_dirty_pt_masked arch/x86/kvm/mmu/tdp_mmu.c */
export function* writeProtectLeaf(kvm: Kvm, sptep: Cell<bigint>, _seen: bigint): Task<boolean> {
  const format = formatOf(kvm);
  // Nobody but the hardware and the fast path changes a present leaf now; both do it atomically.
  const old = yield* sptep.fetchAndnot(PT_WRITABLE, at('mmu.write_protect_andnot'));
  // Without a D bit it was W that said so.
  report_protected_dirty: if (isDirty(format, old) && !isDirty(format, old & ~PT_WRITABLE)) {
    yield* reportDirty(kvm, old);
  }
  return (old & PT_WRITABLE) !== 0n;
}
