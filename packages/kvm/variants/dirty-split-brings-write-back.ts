/** The small pages of a huge page that is split are writable if it may be made writable, whether or not it is now. */
import type { Kvm } from '../src/virt/kvm.ts';
import { PT_PAGE_SIZE, PT_WRITABLE } from '../src/x86/spte-format.ts';
import { isMmuWritable } from '../src/x86/spte-predicates.ts';
import { formatOf } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/tdp-split.ts#makeSplitSpte 4848a432 */
/** @kernel make_huge_page_split_spte arch/x86/kvm/mmu/spte.c */
export function makeSplitSpte(kvm: Kvm, huge: bigint, index: number): bigint {
  const writable = isMmuWritable(formatOf(kvm), huge) ? PT_WRITABLE : 0n;
  return BigInt.asUintN(64, ((huge | writable) & ~PT_PAGE_SIZE) + (BigInt(index) << 12n));
}
