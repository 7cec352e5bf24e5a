/** Memory of the host kernel: an allocation may fail, where a VM is configured so. */
import { choose, type Task } from '@faultline/machine';
import type { Kvm } from '../virt/kvm.ts';

/** Whether the allocation that follows fails: a choice of the environment, and none on a VM without allocMayFail. */
export function* kmallocFails(kvm: Kvm, what: string): Task<boolean> {
  if (kvm.config.allocMayFail === 0) return false;
  return (yield* choose(`kmalloc of ${what} fails`, 2)) === 1;
}
