/** After a lost cmpxchg the entry is stored all the same, and accounted by the value that was read before. */
import type { Cell, Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { isLast } from '../src/x86/spte-predicates.ts';
import { handleChangedLeaf } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/tdp-spte.ts#setSpteAtomic 638651f1 */
/** @kernel tdp_mmu_set_spte_atomic arch/x86/kvm/mmu/tdp_mmu.c */
export function* setSpteAtomic(
  kvm: Kvm,
  sptep: Cell<bigint>,
  level: number,
  old: bigint,
  next: bigint,
): Task<boolean> {
  if ((yield* sptep.cmpxchg(old, next)) !== old) yield* sptep.writeOnce(next);
  if (isLast(old, level)) yield* handleChangedLeaf(kvm, old, next);
  return true;
}
