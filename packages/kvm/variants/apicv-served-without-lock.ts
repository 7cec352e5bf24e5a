/** A vCPU follows its VM without apicv_update_lock: what it reads may be about to change. */
import type { Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import { followVm } from '../src/x86/apicv-vcpu.ts';

/** @replaces packages/kvm/src/x86/apicv-vcpu.ts#vcpuUpdateApicv 7deaade5 */
/** @kernel kvm_vcpu_update_apicv arch/x86/kvm/x86.c */
export function* vcpuUpdateApicv(vcpu: Vcpu): Task {
  yield* followVm(vcpu);
}
