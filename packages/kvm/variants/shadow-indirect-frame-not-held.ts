/** The fast page fault fixes entries of indirect pages as it does those of direct ones. */
import type { Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import { fixDirectSpte } from '../src/x86/fast-page-fault.ts';
import type { Fix } from '../src/x86/shadow/fast-page-fault.ts';

/** @replaces packages/kvm/src/x86/shadow/fast-page-fault.ts#fixIndirectSpte 895c1b45 */
export function* fixIndirectSpte(vcpu: Vcpu, { sptep, spte, next, slot, gfn }: Fix): Task<boolean> {
  return yield* fixDirectSpte(vcpu, sptep, spte, next, slot, gfn);
}
