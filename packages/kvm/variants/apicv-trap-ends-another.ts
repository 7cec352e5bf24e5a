/** The exit after an end of interrupt that the hardware has done does it all over again. */
import type { Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import { apicSetEoi } from '../src/x86/lapic.ts';

/** @replaces packages/kvm/src/x86/apic-exits.ts#handleApicEoiInduced e7aefb55 */
/** @kernel handle_apic_eoi_induced arch/x86/kvm/vmx/vmx.c */
export function* handleApicEoiInduced(vcpu: Vcpu, _vector: number): Task {
  yield* apicSetEoi(vcpu);
}
