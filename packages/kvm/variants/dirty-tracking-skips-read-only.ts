/** An entry without W is taken for protected already. */
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
  if ((leaf.spte & PT_WRITABLE) === 0n) return false;
  const next = leaf.spte & ~(PT_WRITABLE | formatOf(kvm).mmuWritable);
  yield* writeSpte(kvm, leaf.sptep, leaf.spte, next);
  return true;
}
