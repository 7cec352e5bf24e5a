/**
 * @area apicv
 *
 * Exits of guest accesses to the APIC that the hardware did not finish.
 */
import type { Task } from '@faultline/machine';
import { type Gpa, gfnOf, PAGE_SIZE } from '../types.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { apicSetEoiAccelerated, lapicRegRead, lapicRegWrite } from './lapic.ts';

/**
 * The instruction runs in the emulator: is it the APIC? Then its value (for a store 0), null if it is not.
 *
 * @kernel apic_mmio_write, apic_mmio_read arch/x86/kvm/lapic.c
 */
export function* emulateApicAccess(vcpu: Vcpu, gpa: Gpa, write: boolean, value: bigint): Task<bigint | null> {
  const { config } = vcpu.kvm as Kvm;
  if (vcpu.apic === null || gfnOf(gpa) !== config.apicGfn) return null;
  const offset = gpa % PAGE_SIZE;
  if (!write) return yield* lapicRegRead(vcpu.apic, offset);
  yield* lapicRegWrite(vcpu, offset, value);
  return 0n;
}

/** A trap: the hardware has written the page already, and ended the interrupt. @kernel handle_apic_eoi_induced arch/x86/kvm/vmx/vmx.c */
export function* handleApicEoiInduced(vcpu: Vcpu, vector: number): Task {
  yield* apicSetEoiAccelerated(vcpu, vector);
}
