/**
 * @area locks
 *
 * What some ioctls of a VM do first: every vCPU is stopped by taking its mutex, with kvm->lock held outside.
 */
import type { Task } from '@faultline/machine';
import { KVM_MAX_VCPUS, type Kvm } from './kvm.ts';

/** Under kvm->lock, which keeps vCPUs from being added. @kernel sev_lock_vcpus_for_migration arch/x86/kvm/svm/sev.c */
export function* lockAllVcpus(kvm: Kvm): Task {
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = yield* kvm.vcpus.at(i).readOnce();
    if (vcpu === null) return;
    yield* vcpu.mutex.lock();
  }
}

/** @kernel sev_unlock_vcpus_for_migration arch/x86/kvm/svm/sev.c */
export function* unlockAllVcpus(kvm: Kvm): Task {
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = yield* kvm.vcpus.at(i).readOnce();
    if (vcpu === null) return;
    yield* vcpu.mutex.unlock();
  }
}
