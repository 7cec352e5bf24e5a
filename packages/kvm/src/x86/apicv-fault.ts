/**
 * @area apicv
 *
 * A fault on the APIC's frame. With APICv off it is emulated at once, without an entry and without a note that this is
 * MMIO: nothing has to be forgotten when APICv comes back.
 */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { Request, requestBit } from '../virt/requests.ts';
import { countJudged } from './apicv-races.ts';
import { ApicvFaultBy } from './apicv-state.ts';
import { apicvActivated, vcpuApicvActive } from './apicv-vcpu.ts';

/**
 * Whether the fault may install an entry. Either state may be out of date by then; the sequence of invalidations, read
 * before, tells of a zap since. Of a zap before it only the VM's state tells, or the request that the vCPU has yet to serve.
 *
 * @kernel kvm_faultin_pfn arch/x86/kvm/mmu/mmu.c
 */
export function* mayMapApicPage(vcpu: Vcpu): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  yield* countJudged(vcpu);
  const by = kvm.config.apicvFaultBy;
  let active = true;
  emulate_when_off: active = by === ApicvFaultBy.VM ? yield* apicvActivated(kvm) : vcpuApicvActive(vcpu);
  emulate_when_asked: if (by === ApicvFaultBy.VCPU_UNLESS_ASKED && (yield* updateRequested(vcpu)))
    return false;
  return active;
}

/** @kernel kvm_test_request include/linux/kvm_host.h */
export function* updateRequested(vcpu: Vcpu): Task<boolean> {
  return ((yield* vcpu.requests.readOnce()) & requestBit(Request.APICV_UPDATE)) !== 0n;
}
