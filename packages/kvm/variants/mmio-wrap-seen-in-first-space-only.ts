/** The wrap test forgets that generations of the second address space are odd: theirs never truncate to 0. */
import type { Kvm } from '../src/virt/kvm.ts';
import { truncateGeneration } from '../src/x86/mmio-spte.ts';

/** @replaces packages/kvm/src/x86/memslots-updated.ts#wrapped 645d1f52 */
export function wrapped(kvm: Kvm, generation: number): boolean {
  return truncateGeneration(generation, kvm.config.mmioLayout) === 0;
}
