/** The small pages of a huge page that is split start clean. */
import type { Kvm } from '../src/virt/kvm.ts';
import { PT_PAGE_SIZE } from '../src/x86/spte-format.ts';
import { formatOf } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/tdp-split.ts#makeSplitSpte 4848a432 */
/** @kernel make_huge_page_split_spte arch/x86/kvm/mmu/spte.c */
export function makeSplitSpte(kvm: Kvm, huge: bigint, index: number): bigint {
  return BigInt.asUintN(64, (huge & ~(PT_PAGE_SIZE | formatOf(kvm).dirty)) + (BigInt(index) << 12n));
}
