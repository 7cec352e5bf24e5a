/** Asking every vCPU to look whether its root is still of use. */
import type { Task } from '@faultline/machine';
import { makeAllCpusRequest } from '../virt/kick.ts';
import { KVM_MAX_VCPUS, type Kvm, type Vcpu } from '../virt/kvm.ts';
import { Request } from '../virt/requests.ts';
import { hasEntry } from '../virt/vcpu-mode.ts';

/**
 * Every vCPU leaves the guest, and looks at its root before it enters again. On a VM whose vCPUs are always in their guest
 * the request and the interrupt are one, as in flush.ts.
 */
export function* requestFreeObsoleteRoots(kvm: Kvm): Task {
  if (hasEntry(kvm)) {
    yield* makeAllCpusRequest(kvm, Request.MMU_FREE_OBSOLETE_ROOTS);
    return;
  }
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = kvm.vcpus.at(i).peek() as Vcpu | null;
    if (vcpu === null) return;
    yield* vcpu.tlb.lock.lock();
    vcpu.tlb.freeObsoleteRoots = 1;
    yield* vcpu.tlb.lock.unlock();
  }
}
