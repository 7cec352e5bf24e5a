/**
 * Whether the last page lies in another huge page than the first is decided by rounding both addresses up, as the kernel
 * does since it has the check: a page inside one huge page and the first page of the next round to the same.
 */
import type { Gfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { framesAt } from '../src/x86/tdp-geometry.ts';

/** @replaces packages/kvm/src/x86/arm-huge-pages.ts#hugePagesOf fc1828a6 */
/** @kernel kvm_arch_mmu_enable_log_dirty_pt_masked arch/x86/kvm/mmu/mmu.c */
export function hugePagesOf(kvm: Kvm, start: Gfn, end: Gfn): Gfn[] {
  const frames = framesAt(kvm, 2);
  const up = (gfn: Gfn) => Math.ceil(gfn / frames);
  return up(start) === up(end) ? [start] : [start, end];
}
