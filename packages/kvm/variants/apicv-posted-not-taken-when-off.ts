/** A vCPU whose APICv is off does not look at its posted interrupts. */
import { smpMbAfterAtomic, type Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import type { Lapic } from '../src/x86/lapic-state.ts';

/** @replaces packages/kvm/src/x86/posted-interrupt.ts#syncPirToIrr 4150aa11 */
/** @kernel vmx_sync_pir_to_irr arch/x86/kvm/vmx/vmx.c */
export function* syncPirToIrr(vcpu: Vcpu): Task {
  const apic = vcpu.apic as Lapic;
  if (apic.apicvActive.peek() === 0) return;
  if ((yield* apic.on.readOnce()) === 0) return;
  yield* apic.on.fetchAnd(0);
  yield* smpMbAfterAtomic();
  const posted = yield* apic.pir.xchg(0);
  if (posted !== 0) yield* apic.irr.fetchOr(posted);
}
