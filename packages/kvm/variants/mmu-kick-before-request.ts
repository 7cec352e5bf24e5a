/** The vCPU is kicked, and the request left with it afterwards. */
import type { Task } from '@faultline/machine';
import { vcpuKick } from '../src/virt/kick.ts';
import type { Vcpu } from '../src/virt/kvm.ts';
import { makeRequest, Request } from '../src/virt/requests.ts';

/** @replaces packages/kvm/src/virt/kick.ts#acceptIrq 9fc0cfce */
/** @kernel __apic_accept_irq arch/x86/kvm/lapic.c */
export function* acceptIrq(vcpu: Vcpu, vector: number): Task {
  yield* vcpu.events.fetchOr(1 << vector);
  yield* vcpuKick(vcpu);
  yield* makeRequest(vcpu, Request.EVENT);
}
