/**
 * @area notifier
 *
 * Putting another frame behind a mapping, read-only: the host shares it. Nothing that the fast path looks at may allow
 * writing any more.
 */
import type { Task } from '@faultline/machine';
import { PTE_WRITABLE, ptePfn } from '../host/mm.ts';
import type { Gfn, Pfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { pfnOf } from './spte.ts';
import { PT_WRITABLE, type SpteFormat } from './spte-format.ts';
import { markForAccessTrack } from './spte-predicates.ts';
import { presentLeaf } from './tdp-leaf.ts';
import { formatOf, writeSpte } from './tdp-spte.ts';

/** Under mmu_lock held for write. Returns whether TLBs have to be flushed. @kernel set_spte_gfn arch/x86/kvm/mmu/tdp_mmu.c */
export function* setSpteGfn(kvm: Kvm, gfn: Gfn, pte: bigint): Task<boolean> {
  const leaf = yield* presentLeaf(kvm, gfn);
  // A huge page is gone already: the host split its own first.
  if (leaf === null || leaf.level > 1) return false;
  // A leaf never changes its frame in place: what the hardware noted belongs to the old one.
  const old = yield* writeSpte(kvm, leaf.sptep, leaf.spte, 0n);
  if ((pte & PTE_WRITABLE) !== 0n) return true;
  yield* writeSpte(kvm, leaf.sptep, 0n, changedPteSpte(formatOf(kvm), old, ptePfn(pte)));
  return true;
}

/** The entry for the frame that the host shares. @kernel kvm_mmu_changed_pte_notifier_make_spte arch/x86/kvm/mmu/spte.c */
export function changedPteSpte(f: SpteFormat, old: bigint, pfn: Pfn): bigint {
  const frames = (BigInt(pfnOf(old)) ^ BigInt(pfn)) << 12n;
  return markForAccessTrack(f, (old ^ frames) & ~(PT_WRITABLE | f.hostWritable | f.mmuWritable | f.dirty));
}
