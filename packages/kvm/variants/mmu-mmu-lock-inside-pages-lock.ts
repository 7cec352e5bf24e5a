/** A vCPU puts its root with the list of roots locked all the while, and takes mmu_lock inside tdp_mmu_pages_lock. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { callRcu } from '../src/x86/tdp-free.ts';
import { unlinkRoot } from '../src/x86/tdp-roots.ts';

/** @replaces packages/kvm/src/x86/tdp-roots.ts#mmuUnload 799e4d34 */
export function* mmuUnload(vcpu: Vcpu): Task {
  const { root } = vcpu;
  if (root === null) return;
  const kvm = vcpu.kvm as Kvm;
  vcpu.root = null;
  yield* kvm.tdpMmuPagesLock.lock();
  yield* kvm.mmuLock.readLock();
  const last = (yield* root.rootCount.fetchAdd(-1)) === 1;
  if (last) yield* unlinkRoot(kvm, 0, root);
  yield* kvm.mmuLock.readUnlock();
  yield* kvm.tdpMmuPagesLock.unlock();
  if (last) yield* callRcu(kvm, root);
}
