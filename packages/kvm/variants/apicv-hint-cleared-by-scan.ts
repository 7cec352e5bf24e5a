/** When APICv goes off, the hint that something is requested becomes what a look at the vectors says. */
import type { Task } from '@faultline/machine';
import type { Lapic } from '../src/x86/lapic-state.ts';

/** @replaces packages/kvm/src/x86/lapic.ts#updateApicv 26f78e1e */
/** @kernel kvm_apic_update_apicv arch/x86/kvm/lapic.c */
export function* updateApicv(apic: Lapic, active: boolean): Task {
  const pending = active || (yield* apic.irr.readOnce()) !== 0;
  yield* apic.irrPending.writeOnce(pending ? 1 : 0);
}
