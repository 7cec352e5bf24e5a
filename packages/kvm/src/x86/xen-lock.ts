/**
 * @area xen
 *
 * The lock under which pages that KVM shares with a Xen guest are mapped anew, and the table of ports changes. Delivering
 * an event may need it, and a vCPU delivers while it holds its own mutex and is inside kvm->srcu. So it is a leaf of its
 * own: who holds it waits neither for a vCPU nor for readers. kvm->lock is not, and was used here before 310bc39546.
 */
import type { Mutex, Task } from '@faultline/machine';
import type { Kvm } from '../virt/kvm.ts';
import type { KvmXen } from './xen-state.ts';

/** @kernel mutex_lock(&kvm->arch.xen.xen_lock) arch/x86/kvm/xen.c */
export function* lockXen(kvm: Kvm): Task {
  yield* xenLockOf(kvm).lock();
}

export function* unlockXen(kvm: Kvm): Task {
  yield* xenLockOf(kvm).unlock();
}

/** Which mutex it is for this VM. */
export function xenLockOf(kvm: Kvm): Mutex {
  const xen = kvm.xen as KvmXen;
  return xen.usesKvmLock === 1 ? kvm.lock : xen.xenLock;
}
