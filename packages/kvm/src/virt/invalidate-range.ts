/**
 * The range of the invalidations in progress, in host addresses: one range that covers them all. It is written and read
 * under mmu_lock, with the count. A fault outside it need not wait.
 */
import type { Hva } from '../types.ts';
import type { Kvm } from './kvm.ts';

/** Another invalidation begins: after it is counted. @kernel kvm_mmu_invalidate_begin virt/kvm/kvm_main.c */
export function addInvalidateRange(kvm: Kvm, start: Hva, end: Hva): void {
  if (kvm.mmuInvalidateInProgress === 1) {
    kvm.mmuInvalidateRangeStart = start;
    kvm.mmuInvalidateRangeEnd = end;
    return;
  }
  // The others go on, and which of them ends first is not known.
  kvm.mmuInvalidateRangeStart = Math.min(kvm.mmuInvalidateRangeStart, start) as Hva;
  kvm.mmuInvalidateRangeEnd = Math.max(kvm.mmuInvalidateRangeEnd, end) as Hva;
}

/** Whether what is behind `hva` may be going away. @kernel mmu_invalidate_retry_hva include/linux/kvm_host.h */
export function invalidationCovers(kvm: Kvm, hva: Hva): boolean {
  if (kvm.mmuInvalidateInProgress === 0) return false;
  return hva >= kvm.mmuInvalidateRangeStart && hva < kvm.mmuInvalidateRangeEnd;
}
