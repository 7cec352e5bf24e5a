/**
 * @area apicv
 *
 * An interrupt on its way to a vCPU's APIC, from any thread. A sender that finds the vCPU's APICv on leaves the vector in
 * the posted-interrupt descriptor; it looks without a lock, and may be late: whoever enters the guest takes what is there,
 * on or off.
 */
import { at, bugOn, smpMbAfterAtomic, type Task } from '@faultline/machine';
import { sendPostedInterrupt } from '../hw/ipi.ts';
import { vcpuKick, wakeUp } from '../virt/kick.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { makeRequest, Request } from '../virt/requests.ts';
import { VcpuMode } from '../virt/vcpu-mode.ts';
import { ApicvVendor } from './apicv-state.ts';
import { lapicSetIrr } from './lapic.ts';
import type { Lapic } from './lapic-state.ts';

/** @kernel vmx_deliver_interrupt arch/x86/kvm/vmx/vmx.c */
export function* deliverInterrupt(vcpu: Vcpu, vector: number): Task {
  bugOn((vcpu.kvm as Kvm).config.apicv !== ApicvVendor.VMX, "the doorbell of AMD's hardware is not modelled");
  const apic = vcpu.apic as Lapic;
  if ((yield* apic.apicvActive.readOnce()) === 1) {
    yield* deliverPostedInterrupt(vcpu, vector);
    return;
  }
  yield* lapicSetIrr(apic, vector);
  yield* makeRequest(vcpu, Request.EVENT);
  yield* vcpuKick(vcpu);
}

/** @kernel vmx_deliver_posted_interrupt arch/x86/kvm/vmx/vmx.c */
export function* deliverPostedInterrupt(vcpu: Vcpu, vector: number): Task {
  const { pir, on } = vcpu.apic as Lapic;
  const bit = 1 << vector;
  if (((yield* pir.fetchOr(bit, at('apicv.post_vector'))) & bit) !== 0) return;
  // Whoever set it before is about to tell the vCPU, which will find this vector too.
  if ((yield* on.xchg(1, at('apicv.note_post'))) === 1) return;
  yield* notify(vcpu);
}

/** The atomic exchange above orders what was posted before the mode. @kernel kvm_vcpu_trigger_posted_interrupt arch/x86/kvm/vmx/vmx.c */
export function* notify(vcpu: Vcpu): Task {
  if ((yield* vcpu.mode.readOnce()) === VcpuMode.IN_GUEST) yield* sendPostedInterrupt(vcpu);
  else yield* wakeUp(vcpu);
}

/**
 * On entry, with interrupts off and the mode set: from now on the hardware would be notified. With APICv off the vectors
 * become an event, which stops the entry.
 *
 * @kernel vmx_sync_pir_to_irr arch/x86/kvm/vmx/vmx.c
 */
export function* syncPirToIrr(vcpu: Vcpu): Task {
  const apic = vcpu.apic as Lapic;
  if ((yield* apic.on.readOnce()) === 0) return;
  yield* apic.on.fetchAnd(0);
  // Pairs with the exchange of `on` by senders: what they posted before it is seen now, or they find it 0 and notify.
  order_on_before_posted: yield* smpMbAfterAtomic();
  const posted = yield* apic.pir.xchg(0, at('apicv.take_posted'));
  if (posted === 0) return;
  yield* apic.irr.fetchOr(posted);
  if (apic.apicvActive.peek() === 0) yield* makeRequest(vcpu, Request.EVENT);
}
