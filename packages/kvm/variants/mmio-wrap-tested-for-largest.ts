/** The wrap test from before ee3d1570b586, with its two bumps: they step over the largest value. */
import type { Kvm } from '../src/virt/kvm.ts';
import { truncateGeneration } from '../src/x86/mmio-spte.ts';

/** @replaces packages/kvm/src/x86/memslots-updated.ts#wrapped 645d1f52 */
export function wrapped(kvm: Kvm, generation: number): boolean {
  return truncateGeneration(generation, kvm.config.mmioLayout) >= 2 ** 20 - 1;
}
