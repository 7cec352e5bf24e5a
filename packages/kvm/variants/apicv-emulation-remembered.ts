/** A fault that is emulated because APICv is off is remembered as MMIO, as if no slot were there. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { apicvActivated } from '../src/x86/apicv-vcpu.ts';
import { cacheMmioInfo, matchMmioGpa } from '../src/x86/mmio-cache.ts';

/** @replaces packages/kvm/src/x86/apicv-fault.ts#mayMapApicPage 01c3a306 */
/** @kernel kvm_faultin_pfn arch/x86/kvm/mmu/mmu.c */
export function* mayMapApicPage(vcpu: Vcpu): Task<boolean> {
  const { apicGfn } = (vcpu.kvm as Kvm).config;
  if (yield* matchMmioGpa(vcpu, apicGfn)) return false;
  if (yield* apicvActivated(vcpu.kvm as Kvm)) return true;
  yield* cacheMmioInfo(vcpu, 0, apicGfn, 0);
  return false;
}
