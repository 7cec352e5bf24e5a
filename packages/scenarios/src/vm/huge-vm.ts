/** A VM whose two pages are one huge page, of the host as well as of the guest. */
import { childOf } from '@faultline/kvm/seams';
import type { MmuVm } from './mmu-vm.ts';

/** Tables of two levels with two entries each: a huge page is two pages. */
export const HUGE = { pages: 2, frames: 2, levels: 2, hugePages: true } as const;

const PRESENT = 1n << 11n;
const PAGE_SIZE_BIT = 1n << 7n;

/** Present for software, and an entry of level 2. */
export const isHuge = (spte: bigint): boolean => (spte & PRESENT) !== 0n && (spte & PAGE_SIZE_BIT) !== 0n;

/** The entry of level 2 of guest frames 0 and 1; 0 if there is no root. */
export const entryOfRange = ({ kvm }: MmuVm): bigint => kvm.roots.get(0)?.spt.at(0).peek() ?? 0n;

/** The leaf that maps a guest frame below 2; 0 if none does. */
export function leafOfPage(vm: MmuVm, page: number): bigint {
  const entry = entryOfRange(vm);
  if ((entry & PRESENT) === 0n) return 0n;
  const leaf = isHuge(entry) ? entry : childOf(entry).spt.at(page).peek();
  return (leaf & PRESENT) === 0n ? 0n : leaf;
}
