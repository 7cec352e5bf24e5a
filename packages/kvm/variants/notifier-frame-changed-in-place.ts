/** One store, from frame to frame, and nobody is told to flush. */
import type { Task } from '@faultline/machine';
import { PTE_WRITABLE, ptePfn } from '../src/host/mm.ts';
import type { Gfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { presentLeaf } from '../src/x86/tdp-leaf.ts';
import { changedPteSpte } from '../src/x86/tdp-set-spte.ts';
import { formatOf, writeSpte } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/tdp-set-spte.ts#setSpteGfn 74860e48 */
/** @kernel set_spte_gfn arch/x86/kvm/mmu/tdp_mmu.c */
export function* setSpteGfn(kvm: Kvm, gfn: Gfn, pte: bigint): Task<boolean> {
  const leaf = yield* presentLeaf(kvm, gfn);
  if (leaf === null || leaf.level > 1) return false;
  if ((pte & PTE_WRITABLE) !== 0n) {
    yield* writeSpte(kvm, leaf.sptep, leaf.spte, 0n);
    return true;
  }
  yield* leaf.sptep.writeOnce(changedPteSpte(formatOf(kvm), leaf.spte, ptePfn(pte)));
  return false;
}
