/** The code before the fix of 2017: neither of the two aging callbacks looks at pgd. */
import type { Task } from '@faultline/machine';
import { ageHvaHandler, gfnsOf, testAgeHvaHandler } from '../src/arm64/stage2-age.ts';
import type { ArmKvm, ArmSlots } from '../src/arm64/state.ts';

/** @replaces packages/kvm/src/arm64/stage2-age.ts#ageHva 4edc4b04 */
/** @kernel kvm_age_hva virt/kvm/arm/mmu.c */
export function* ageHva(kvm: ArmKvm, page: number): Task<boolean> {
  let young = false;
  for (const gfn of gfnsOf((yield* kvm.slots.rcuDereference()) as ArmSlots, page, page + 1)) {
    young = (yield* ageHvaHandler(kvm, gfn)) || young;
  }
  return young;
}

/** @replaces packages/kvm/src/arm64/stage2-age.ts#testAgeHva c9dbdbfb */
/** @kernel kvm_test_age_hva virt/kvm/arm/mmu.c */
export function* testAgeHva(kvm: ArmKvm, page: number): Task<boolean> {
  let young = false;
  for (const gfn of gfnsOf((yield* kvm.slots.rcuDereference()) as ArmSlots, page, page + 1)) {
    young = (yield* testAgeHvaHandler(kvm, gfn)) || young;
  }
  return young;
}
