/** Shape of the tables: how a frame number picks an entry at each level, and how an entry names a table. */
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { MmuPage } from './mmu-page.ts';
import { SPTE_MMU_PRESENT } from './spte.ts';

/** Index into a table of this level; level 1 is the last. @kernel SPTE_INDEX arch/x86/kvm/mmu/mmu_internal.h */
export function spteIndex(kvm: Kvm, gfn: Gfn, level: number): number {
  const { tdpIndexBits } = kvm.config;
  const shift = (level - 1) * tdpIndexBits;
  const mask = (1 << tdpIndexBits) - 1;
  // Frame numbers have up to 40 bits, shifts of JavaScript 32: the upper ones take the longer way.
  if (gfn <= 0x7fff_ffff) return shift > 31 ? 0 : (gfn >> shift) & mask;
  return Math.floor(gfn / 2 ** shift) & mask;
}

/** Frames that an entry of this level covers. @kernel KVM_PAGES_PER_HPAGE arch/x86/include/asm/kvm_host.h */
export function framesAt(kvm: Kvm, level: number): number {
  return 2 ** ((level - 1) * kvm.config.tdpIndexBits);
}

/** Entries of a table. */
export function entriesOf(kvm: Kvm): number {
  return 2 ** kvm.config.tdpIndexBits;
}

/** R, W, X, accessed, MMU-present: what a non-leaf entry has besides the table's address. */
const NONLEAF = 0b111n | (1n << 8n) | SPTE_MMU_PRESENT;

/** An entry that leads to another table. Tables stand 8-byte aligned in the arena; the entry holds that number. @kernel make_nonleaf_spte arch/x86/kvm/mmu/spte.c */
export function makeNonleaf(child: MmuPage): bigint {
  return (BigInt(child.addr >>> 3) << 12n) | NONLEAF;
}

/** @kernel spte_to_child_sp arch/x86/kvm/mmu/spte.h */
export function childOf(spte: bigint): MmuPage {
  return MmuPage.at(Number(BigInt.asUintN(32, BigInt.asUintN(64, spte) >> 9n)) & ~7);
}
