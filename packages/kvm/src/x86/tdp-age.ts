/**
 * @area notifier
 *
 * Access tracking: was a page used since the last time somebody asked? With A bits the answer stands in the entry, and
 * asking clears it. Without them the entry loses R, W and X, and the next access faults and brings back what it needs;
 * W stood for "dirty" there, so the host is told before it forgets.
 */
import { at, type Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { PT_WRITABLE } from './spte-format.ts';
import { adEnabled, checkSpte, isAccessed, markForAccessTrack } from './spte-predicates.ts';
import { presentLeaf } from './tdp-leaf.ts';
import { formatOf, reportDirty } from './tdp-spte.ts';

/**
 * Under mmu_lock held for write. Returns whether the frame was used, and from here on counts it as unused. The host is
 * not told that it was used: it asked, and has the answer.
 *
 * @kernel age_gfn_range arch/x86/kvm/mmu/tdp_mmu.c
 */
export function* ageGfn(kvm: Kvm, gfn: Gfn): Task<boolean> {
  const format = formatOf(kvm);
  const leaf = yield* presentLeaf(kvm, gfn);
  if (leaf === null || !isAccessed(format, leaf.spte)) return false;
  if (adEnabled(format, leaf.spte)) {
    // One bit and nothing else: the hardware may be setting D, and the fast path W.
    yield* leaf.sptep.fetchAndnot(format.accessed, at('notifier.clear_accessed_andnot'));
    return true;
  }
  const tracked = markForAccessTrack(format, leaf.spte);
  checkSpte(format, tracked);
  const old = yield* leaf.sptep.xchg(tracked, at('notifier.track_access_xchg'));
  // Judged by what was replaced: the fast path may have set W after the entry was read.
  report_dirty_before_w_goes: if ((old & PT_WRITABLE) !== 0n) {
    yield* reportDirty(kvm, old);
  }
  return true;
}

/** Under mmu_lock held for write. Changes nothing. @kernel test_age_gfn arch/x86/kvm/mmu/tdp_mmu.c */
export function* testAgeGfn(kvm: Kvm, gfn: Gfn): Task<boolean> {
  const leaf = yield* presentLeaf(kvm, gfn);
  return leaf !== null && isAccessed(formatOf(kvm), leaf.spte);
}
