/**
 * @area apicv
 *
 * The local APIC as KVM's software has it: what an emulated access does, and which requested vector the guest may have.
 */
import { at, type Task } from '@faultline/machine';
import type { Vcpu } from '../virt/kvm.ts';
import { makeRequest, Request } from '../virt/requests.ts';
import type { Lapic } from './lapic-state.ts';

/** Offsets of registers in the page. @kernel arch/x86/include/asm/apicdef.h */
export const ApicReg = { TPR: 0x80, EOI: 0xb0, ISR: 0x100, IRR: 0x200 } as const;

/** The emulator writes a register; others than these are stored by nobody. @kernel kvm_lapic_reg_write arch/x86/kvm/lapic.c */
export function* lapicRegWrite(vcpu: Vcpu, offset: number, value: bigint): Task {
  const apic = vcpu.apic as Lapic;
  if (offset === ApicReg.TPR) {
    const before = processorPriority(apic);
    apic.tpr = Number(value & 0xffn);
    if (processorPriority(apic) < before) yield* makeRequest(vcpu, Request.EVENT);
  }
  if (offset === ApicReg.EOI) yield* apicSetEoi(vcpu);
}

/** @kernel kvm_lapic_reg_read arch/x86/kvm/lapic.c */
export function* lapicRegRead(apic: Lapic, offset: number): Task<bigint> {
  if (offset === ApicReg.TPR) return BigInt(apic.tpr);
  if (offset === ApicReg.ISR) return BigInt(apic.isr);
  if (offset === ApicReg.IRR) return BigInt((yield* apic.irr.readOnce()) >>> 0);
  return 0n;
}

/** The guest has dealt with the highest vector in service. @kernel apic_set_eoi arch/x86/kvm/lapic.c */
export function* apicSetEoi(vcpu: Vcpu): Task {
  const apic = vcpu.apic as Lapic;
  const vector = highestVector(apic.isr);
  if (vector < 0) return;
  apic.isr &= ~(1 << vector);
  if ((apic.levelVectors & (1 << vector)) !== 0) apic.ioapicEois++;
  yield* makeRequest(vcpu, Request.EVENT);
}

/** The hardware has ended the interrupt; what is left is to tell the I/O APIC. @kernel kvm_apic_set_eoi_accelerated arch/x86/kvm/lapic.c */
export function* apicSetEoiAccelerated(vcpu: Vcpu, vector: number): Task {
  const apic = vcpu.apic as Lapic;
  if ((apic.levelVectors & (1 << vector)) !== 0) apic.ioapicEois++;
  yield* makeRequest(vcpu, Request.EVENT);
}

/** APICv has been turned on or off for this vCPU. @kernel kvm_apic_update_apicv arch/x86/kvm/lapic.c */
export function* updateApicv(apic: Lapic, active: boolean): Task {
  // The hardware notes nothing there. Turned off it stays: a sender may still be adding a vector that a scan would miss.
  if (active) yield* apic.irrPending.writeOnce(1);
}

/** On KVM_REQ_EVENT: gives the guest its most urgent vector, unless the hardware will. @kernel inject_pending_event, kvm_get_apic_interrupt arch/x86/kvm/lapic.c */
export function* injectFromLapic(vcpu: Vcpu): Task {
  const apic = vcpu.apic as Lapic;
  if (apic.apicvActive.peek() === 1) return;
  if ((yield* apic.irrPending.readOnce()) === 0) return;
  const vector = highestVector(yield* apic.irr.readOnce());
  if (vector < 0 || classOf(vector) <= processorPriority(apic)) return;
  yield* apic.irrPending.writeOnce(0);
  yield* apic.irr.fetchAndnot(1 << vector, at('apicv.accept_vector'));
  // Somebody may have added another before the hint went down.
  if ((yield* apic.irr.readOnce()) !== 0) yield* apic.irrPending.writeOnce(1);
  apic.isr |= 1 << vector;
  vcpu.injected |= 1 << vector;
}

/** Any thread: the vector is requested. The hint is raised after it. @kernel kvm_lapic_set_irr arch/x86/kvm/lapic.h */
export function* lapicSetIrr(apic: Lapic, vector: number): Task {
  yield* apic.irr.fetchOr(1 << vector, at('apicv.request_vector'));
  yield* apic.irrPending.writeOnce(1);
}

/** Only vectors of a higher class reach the guest. @kernel apic_update_ppr arch/x86/kvm/lapic.c */
export function processorPriority(apic: Lapic): number {
  const inService = highestVector(apic.isr);
  return Math.max(apic.tpr >> 4, inService < 0 ? 0 : classOf(inService));
}

/** -1 if there is none. @kernel find_highest_vector arch/x86/kvm/lapic.c */
export function highestVector(vectors: number): number {
  return 31 - Math.clz32(vectors);
}

export function classOf(vector: number): number {
  return vector >> 2;
}
