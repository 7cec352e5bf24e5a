/**
 * @area apicv
 *
 * A fault on the APIC's frame. With APICv off it is emulated at once, without an entry and without a note that this is
 * MMIO: nothing has to be forgotten when APICv comes back.
 */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { apicvActivated, vcpuApicvActive } from './apicv.ts';
import { countJudged } from './apicv-races.ts';

/** Either state may be out of date when the entry is installed; the sequence of invalidations tells. @kernel kvm_faultin_pfn arch/x86/kvm/mmu/mmu.c */
export function* mayMapApicPage(vcpu: Vcpu): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  yield* countJudged(vcpu);
  let active = true;
  emulate_when_off: active =
    kvm.config.apicvFaultByVcpu === 1 ? yield* vcpuApicvActive(vcpu) : yield* apicvActivated(kvm);
  return active;
}
