/** The exchange happens, and its result is ignored. */
import type { Cell, Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { handleChangedLeaf } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/tdp-spte.ts#writeSpte 4e6cb219 */
/** @kernel kvm_tdp_mmu_write_spte arch/x86/kvm/mmu/tdp_iter.h */
export function* writeSpte(kvm: Kvm, sptep: Cell<bigint>, old: bigint, next: bigint): Task<bigint> {
  yield* sptep.xchg(next);
  yield* handleChangedLeaf(kvm, old, next);
  return old;
}
