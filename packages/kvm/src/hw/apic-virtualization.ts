/**
 * The hardware's part of the local APIC. An access that a translation allows may be meant for the APIC: AMD's hardware
 * goes by the guest frame, Intel's by the host frame that the entry names. With virtualization on it serves the access
 * from the vCPU's register page. A translation that is left when it is off is, to AMD's, memory like any other.
 */
import type { Task } from '@faultline/machine';
import { type Gpa, gfnOf, PAGE_SIZE, type Pfn } from '../types.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { ApicvVendor } from '../x86/apicv-state.ts';
import { ApicReg, classOf, highestVector, lapicRegRead, processorPriority } from '../x86/lapic.ts';
import type { Lapic } from '../x86/lapic-state.ts';

/** What became of an access to the APIC: done, with the vector that ends with an exit, or all left to software. */
export type Virtualized =
  | { readonly value: bigint; readonly apic: true; readonly eoi?: number }
  | { readonly apicAccess: true };

/** Inside an instruction. Null: the access is not meant for the APIC. */
export function* virtualizeAccess(
  vcpu: Vcpu,
  gpa: Gpa,
  pfn: Pfn,
  write: boolean,
  value: bigint,
): Task<Virtualized | null> {
  const apic = vcpu.apic as Lapic;
  const { config } = vcpu.kvm as Kvm;
  if (config.apicv === ApicvVendor.SVM) {
    if (apic.virtualizes === 0 || gfnOf(gpa) !== config.apicGfn) return null;
  } else {
    if (pfn !== apic.apicAccessAddr) return null;
    if (apic.virtualizes === 0) return { apicAccess: true };
  }
  const offset = gpa % PAGE_SIZE;
  if (!write) return { value: yield* lapicRegRead(apic, offset), apic: true };
  if (offset === ApicReg.TPR) apic.tpr = Number(value & 0xffn);
  if (offset === ApicReg.EOI) {
    const vector = highestVector(apic.isr);
    if (vector >= 0) apic.isr &= ~(1 << vector);
    if (vector >= 0 && (apic.levelVectors & (1 << vector)) !== 0) return { value, apic: true, eoi: vector };
  }
  return { value, apic: true };
}

/** Between two instructions of the guest, with the TLB's lock held: the hardware gives it the most urgent vector, if it may have one. */
export function* deliverVirtualInterrupt(vcpu: Vcpu): Task {
  const apic = vcpu.apic as Lapic;
  if (apic.virtualizes === 0) return;
  const vector = highestVector(yield* apic.irr.readOnce());
  if (vector < 0 || classOf(vector) <= processorPriority(apic)) return;
  yield* apic.irr.fetchAndnot(1 << vector);
  apic.isr |= 1 << vector;
  vcpu.injected |= 1 << vector;
  yield* apic.delivered.fetchAdd(1);
}

/** The notification of a posted interrupt reaches a CPU in its guest: no exit. */
export function* processPostedInterrupts(vcpu: Vcpu): Task {
  const apic = vcpu.apic as Lapic;
  yield* apic.on.writeOnce(0);
  const posted = yield* apic.pir.xchg(0);
  if (posted !== 0) yield* apic.irr.fetchOr(posted);
  yield* deliverVirtualInterrupt(vcpu);
}
