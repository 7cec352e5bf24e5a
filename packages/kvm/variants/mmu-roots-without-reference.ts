/** A walk over the roots that may drop mmu_lock holds no reference to the root that it stands in. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import type { MmuPage } from '../src/x86/mmu-page.ts';
import { firstRoot, olderRoot } from '../src/x86/tdp-roots.ts';

/** @replaces packages/kvm/src/x86/tdp-roots.ts#nextRootYieldSafe 61c819ac */
/** @kernel tdp_mmu_next_root arch/x86/kvm/mmu/tdp_mmu.c */
export function* nextRootYieldSafe(kvm: Kvm, asId: number, prev: MmuPage | null): Task<MmuPage | null> {
  return prev === null ? yield* firstRoot(kvm, asId) : yield* olderRoot(prev);
}
