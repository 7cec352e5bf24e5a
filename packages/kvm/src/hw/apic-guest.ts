/** A guest with a virtual APIC that waits for interrupts. */
import { retryAfterChange, type Seen, type Task } from '@faultline/machine';
import type { Vcpu } from '../virt/kvm.ts';
import { startInstruction } from '../virt/vcpu-entry.ts';
import type { Lapic } from '../x86/lapic-state.ts';
import { deliverVirtualInterrupt } from './apic-virtualization.ts';
import { irqsOn } from './ipi.ts';

/** It spins, touching no memory, until it has been given these vectors, a bit each. */
export function* spinForVectors(vcpu: Vcpu, until: number): Task {
  const { delivered } = vcpu.apic as Lapic;
  for (;;) {
    yield* startInstruction(vcpu);
    yield* deliverVirtualInterrupt(vcpu);
    // Nothing goes on in such a guest but what an interrupt of its CPU brings.
    const seen: Seen[] = [
      [vcpu.cpu.vmExits, yield* vcpu.cpu.vmExits.readOnce()],
      [delivered, yield* delivered.readOnce()],
    ];
    const done = (vcpu.injected & until) === until;
    yield* irqsOn(vcpu);
    if (done) return;
    yield* retryAfterChange(seen);
  }
}
