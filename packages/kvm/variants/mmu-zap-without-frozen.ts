/** A zap beside faults stores 0 at once and flushes afterwards: the entry can be filled again in between. */
import type { Cell, Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { flushRemoteTlbs } from '../src/x86/flush.ts';
import { replaceSpteAtomic } from '../src/x86/tdp-frozen.ts';

/** @replaces packages/kvm/src/x86/tdp-frozen.ts#zapSpteAtomic 6558b32c */
/** @kernel tdp_mmu_zap_spte_atomic arch/x86/kvm/mmu/tdp_mmu.c */
export function* zapSpteAtomic(kvm: Kvm, sptep: Cell<bigint>, level: number, old: bigint): Task<boolean> {
  if (!(yield* replaceSpteAtomic(kvm, sptep, level, old, 0n))) return false;
  yield* flushRemoteTlbs(kvm);
  return true;
}
