/** Whether to flush is decided by W, as it was before the entry is exchanged. */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { PT_WRITABLE } from '../src/x86/spte-format.ts';
import { presentLeaf } from '../src/x86/tdp-leaf.ts';
import { formatOf, writeSpte } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/tdp-write-protect-gfn.ts#writeProtectTracked 91f2f3b3 */
/** @kernel write_protect_gfn arch/x86/kvm/mmu/tdp_mmu.c */
export function* writeProtectTracked(kvm: Kvm, gfn: Gfn, minLevel = 1): Task<boolean> {
  const leaf = yield* presentLeaf(kvm, gfn);
  if (leaf === null || leaf.level < minLevel) return false;
  const flush = (leaf.spte & PT_WRITABLE) !== 0n;
  const next = leaf.spte & ~(PT_WRITABLE | formatOf(kvm).mmuWritable);
  if (next !== leaf.spte) yield* writeSpte(kvm, leaf.sptep, leaf.spte, next);
  return flush;
}
