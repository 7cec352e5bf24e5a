/**
 * The code before 44d174596260 ("KVM: Use dedicated mutex to protect kvm_usage_count to avoid deadlock"): the count of
 * VMs that need the CPUs enabled is kept under kvm_lock.
 */
import type { Mutex } from '@faultline/machine';
import type { KvmModule } from '../src/virt/vm-list.ts';

/** @replaces packages/kvm/src/virt/vm-list.ts#usageLockOf 6f530c39 */
export function usageLockOf(host: KvmModule): Mutex {
  return host.kvmLock;
}
