/**
 * @area mmio
 *
 * What x86 does when the memslot generation moves: a page table keeps only some of its bits, so a wrap makes entries of
 * long ago fit again. They are zapped before that can be seen.
 */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../virt/kvm.ts';
import { MmioLayout } from '../virt/kvm-config.ts';
import { truncateGeneration } from './mmio-spte.ts';
import { zapAll } from './zap.ts';

/** Under slots_lock. @kernel kvm_arch_memslots_updated arch/x86/kvm/x86.c */
export function* archMemslotsUpdated(kvm: Kvm, generation: number): Task {
  invalidate_wrapped_sptes: yield* invalidateMmioSptes(kvm, generation);
}

/** @kernel kvm_mmu_invalidate_mmio_sptes arch/x86/kvm/mmu/mmu.c */
function* invalidateMmioSptes(kvm: Kvm, generation: number): Task {
  if (wrapped(kvm, generation)) yield* zapAll(kvm);
}

/**
 * Whether the part of the generation that MMIO SPTEs keep has just begun again. Address spaces interleave, so their
 * number is taken off: the first value of each of them after a wrap counts.
 */
export function wrapped(kvm: Kvm, generation: number): boolean {
  const { mmioLayout, addressSpaces } = kvm.config;
  const truncated = truncateGeneration(generation, mmioLayout);
  if (mmioLayout === MmioLayout.BEFORE_2014) return truncated >= 2 ** 19 - 1;
  if (mmioLayout === MmioLayout.Y2014) return truncated === 0;
  return truncated - (truncated % addressSpaces) === 0;
}
