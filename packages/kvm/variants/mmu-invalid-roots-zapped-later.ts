/** Invalid roots are left for the next time: the ioctl returns while their entries still name frames. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { invalidateAllRoots } from '../src/x86/tdp-roots.ts';
import { requestFreeObsoleteRoots } from '../src/x86/obsolete-roots.ts';

/** @replaces packages/kvm/src/x86/zap-fast.ts#zapAllFast 7d060599 */
/** @kernel kvm_mmu_zap_all_fast arch/x86/kvm/mmu/mmu.c */
export function* zapAllFast(kvm: Kvm): Task {
  yield* zapInvalidatedRoots(kvm);
  yield* kvm.mmuLock.writeLock();
  yield* invalidateAllRoots(kvm);
  yield* requestFreeObsoleteRoots(kvm);
  yield* kvm.mmuLock.writeUnlock();
}
