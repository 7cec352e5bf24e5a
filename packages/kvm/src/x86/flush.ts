/**
 * @area mmu
 *
 * Remote TLB flushes, abstract: each vCPU's TLB is emptied between two of its instructions, as the handler of an IPI
 * would find it. The real protocol is requests, modes and IPIs.
 */
import type { Task } from '@faultline/machine';
import { TLB_ENTRIES } from '../hw/tlb.ts';
import { KVM_MAX_VCPUS, type Kvm, type Vcpu } from '../virt/kvm.ts';

/** When it returns, no vCPU uses a translation from before the call. @kernel kvm_flush_remote_tlbs virt/kvm/kvm_main.c */
export function* flushRemoteTlbs(kvm: Kvm): Task {
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = kvm.vcpus.at(i).peek() as Vcpu | null;
    if (vcpu === null) return;
    yield* vcpu.tlb.lock.lock();
    for (let entry = 0; entry < TLB_ENTRIES; entry++) vcpu.tlb.entries.set(entry, 0n);
    yield* vcpu.tlb.lock.unlock();
  }
}
