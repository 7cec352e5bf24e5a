/** Vcpus are interrupted, and nobody waits until they have been. */
import type { Task } from '@faultline/machine';
import { sendIpi } from '../src/hw/ipi.ts';
import type { Vcpu } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/kick.ts#kickMany 001f9664 */
/** @kernel kvm_kick_many_cpus virt/kvm/kvm_main.c */
export function* kickMany(targets: readonly Vcpu[], _wait: boolean): Task {
  for (const vcpu of targets) yield* sendIpi(vcpu);
}
