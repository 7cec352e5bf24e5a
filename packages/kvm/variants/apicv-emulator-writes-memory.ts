/** The emulator takes the APIC's frame for what its slot says: memory. */
import type { Task } from '@faultline/machine';
import type { MmStruct } from '../src/host/mm.ts';
import { type Gpa, gfnOf } from '../src/types.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/x86/apic-exits.ts#emulateApicAccess 23e69acf */
/** @kernel apic_mmio_write, apic_mmio_read arch/x86/kvm/lapic.c */
export function* emulateApicAccess(vcpu: Vcpu, gpa: Gpa, write: boolean, value: bigint): Task<bigint | null> {
  const kvm = vcpu.kvm as Kvm;
  if (vcpu.apic === null || gfnOf(gpa) !== kvm.config.apicGfn) return null;
  const { content } = (kvm.mmStruct as MmStruct).page.at(0);
  if (!write) return yield* content.readOnce();
  yield* content.writeOnce(value);
  return 0n;
}
