/** A sender says that something is posted, and posts it afterwards. */
import type { Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import type { Lapic } from '../src/x86/lapic-state.ts';
import { notify } from '../src/x86/posted-interrupt.ts';

/** @replaces packages/kvm/src/x86/posted-interrupt.ts#deliverPostedInterrupt 48fac98b */
/** @kernel vmx_deliver_posted_interrupt arch/x86/kvm/vmx/vmx.c */
export function* deliverPostedInterrupt(vcpu: Vcpu, vector: number): Task {
  const { pir, on } = vcpu.apic as Lapic;
  const told = (yield* on.xchg(1)) === 1;
  yield* pir.fetchOr(1 << vector);
  if (!told) yield* notify(vcpu);
}
