/** A vCPU puts its root without mmu_lock. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { putRoot } from '../src/x86/tdp-roots.ts';

/** @replaces packages/kvm/src/x86/tdp-roots.ts#mmuUnload 799e4d34 */
export function* mmuUnload(vcpu: Vcpu): Task {
  const { root } = vcpu;
  if (root === null) return;
  const kvm = vcpu.kvm as Kvm;
  vcpu.root = null;
  yield* putRoot(kvm, 0, root);
}
