/**
 * The code before 310bc39546 ("KVM: x86/xen: Avoid deadlock by adding kvm->arch.xen.xen_lock leaf node lock"): mapping
 * shared_info and changing the table of ports are done under kvm->lock.
 */
import type { Mutex } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/x86/xen-lock.ts#xenLockOf 80636341 */
export function xenLockOf(kvm: Kvm): Mutex {
  return kvm.lock;
}
