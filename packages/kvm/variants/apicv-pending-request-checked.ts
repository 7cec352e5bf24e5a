/** A fault that would install the APIC's entry also looks for a pending update, and leaves it to the emulator then. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { updateRequested } from '../src/x86/apicv-fault.ts';
import { countJudged } from '../src/x86/apicv-races.ts';
import { ApicvFaultBy } from '../src/x86/apicv-state.ts';
import { apicvActivated, vcpuApicvActive } from '../src/x86/apicv-vcpu.ts';

/** @replaces packages/kvm/src/x86/apicv-fault.ts#mayMapApicPage 01c3a306 */
/** @kernel kvm_faultin_pfn arch/x86/kvm/mmu/mmu.c */
export function* mayMapApicPage(vcpu: Vcpu): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  yield* countJudged(vcpu);
  const byVm = kvm.config.apicvFaultBy === ApicvFaultBy.VM;
  const active = byVm ? yield* apicvActivated(kvm) : vcpuApicvActive(vcpu);
  return active && !(yield* updateRequested(vcpu));
}
