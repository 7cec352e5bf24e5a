/** Who brings pages in step keeps others from letting them out of step: mmu_lock is taken inside mmu_unsync_pages_lock. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { vcpuMemslots } from '../src/virt/vcpu-memslots.ts';
import { guestMemory } from '../src/x86/shadow/guest-tables.ts';
import { guestMmuOf, shadowOf } from '../src/x86/shadow/shadow-mmu.ts';
import { syncChildren } from '../src/x86/shadow/sync.ts';
import { isUnsyncRoot } from '../src/x86/shadow/unsync.ts';

/** @replaces packages/kvm/src/x86/shadow/sync.ts#syncRoots 0c57b845 */
export function* syncRoots(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  const { root } = guestMmuOf(vcpu);
  if (root === null || root.direct === 1) return;
  if (!(yield* isUnsyncRoot(root))) return;
  const { mmuUnsyncPagesLock } = shadowOf(kvm);
  yield* mmuUnsyncPagesLock.lock();
  yield* kvm.mmuLock.writeLock();
  yield* syncChildren(kvm, guestMemory(vcpu, yield* vcpuMemslots(vcpu)), root);
  yield* kvm.mmuLock.writeUnlock();
  yield* mmuUnsyncPagesLock.unlock();
}
