/** The MMU's own reference to an invalid root is put before the root is zapped. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import type { MmuPage } from '../src/x86/mmu-page.ts';
import { putRoot } from '../src/x86/tdp-roots.ts';
import { zapRoot } from '../src/x86/zap-fast.ts';

/** @replaces packages/kvm/src/x86/zap-fast.ts#zapInvalidatedRoot 54d706d2 */
/** @kernel kvm_tdp_mmu_zap_invalidated_roots arch/x86/kvm/mmu/tdp_mmu.c */
export function* zapInvalidatedRoot(kvm: Kvm, asId: number, root: MmuPage): Task {
  root.scheduledToZap = 0;
  yield* putRoot(kvm, asId, root);
  yield* zapRoot(kvm, root);
}
