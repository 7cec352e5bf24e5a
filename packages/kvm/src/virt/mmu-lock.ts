/** kvm->mmu_lock, whichever it is: a spinlock, or a rwlock of which this is the write side. */
import type { Task } from '@faultline/machine';
import type { Kvm } from './kvm.ts';

/** @kernel KVM_MMU_LOCK virt/kvm/kvm_mm.h */
export function* kvmMmuLock(kvm: Kvm): Task {
  if (kvm.config.mmuSpinlock === 1) yield* kvm.mmuSpinlock.lock();
  else yield* kvm.mmuLock.writeLock();
}

/** @kernel KVM_MMU_UNLOCK virt/kvm/kvm_mm.h */
export function* kvmMmuUnlock(kvm: Kvm): Task {
  if (kvm.config.mmuSpinlock === 1) yield* kvm.mmuSpinlock.unlock();
  else yield* kvm.mmuLock.writeUnlock();
}
