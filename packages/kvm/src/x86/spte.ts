/**
 * Page-table entries, bit for bit. All arithmetic on them goes through here, so that every step stays within 64 bits.
 *
 * Leaf, EPT: R 0, W 1, X 2, memory type 3-5, IPAT 6, A 8, D 9, MMU-present 11, pfn 12-51, host-writable 57, MMU-writable 58.
 * Leaf, NPT: P 0, W 1, U 2, A 5, D 6, host-writable 9, MMU-writable 10, MMU-present 11, pfn 12-51, NX 63.
 */
import { bugOn } from '@faultline/machine';
import type { Pfn } from '../types.ts';

/** SPTE_MMU_PRESENT: the one bit that says KVM put a translation here. @kernel SPTE_MMU_PRESENT_MASK arch/x86/kvm/mmu/spte.h */
export const SPTE_MMU_PRESENT = 1n << 11n;
const WRITABLE = 1n << 1n;
const PFN_MASK = ((1n << 52n) - 1n) & ~0xfffn;
const EPT_LEAF = 0b111n | (6n << 3n) | (1n << 6n) | (1n << 8n) | (1n << 57n) | (1n << 58n);
const EPT_DIRTY = 1n << 9n;
const NPT_LEAF = 0b101n | (1n << 5n) | (1n << 9n) | (1n << 10n);
const NPT_DIRTY = 1n << 6n;

export const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** @kernel is_shadow_present_pte arch/x86/kvm/mmu/spte.h */
export function isPresent(spte: bigint): boolean {
  return (spte & SPTE_MMU_PRESENT) !== 0n;
}

/** @kernel is_writable_pte arch/x86/kvm/mmu/spte.h */
export function isWritable(spte: bigint): boolean {
  return (spte & WRITABLE) !== 0n;
}

/** @kernel spte_to_pfn arch/x86/kvm/mmu/spte.h */
export function pfnOf(spte: bigint): Pfn {
  return Number((spte & PFN_MASK) >> 12n) as Pfn;
}

/** A leaf that maps `pfn`, read-only or writable. @kernel make_spte arch/x86/kvm/mmu/spte.c */
export function makeSpte(pfn: Pfn, writable: boolean, npt: boolean): bigint {
  const frame = u64(BigInt(pfn) << 12n) & PFN_MASK;
  const base = (npt ? NPT_LEAF : EPT_LEAF) | SPTE_MMU_PRESENT | frame;
  const spte = writable ? base | WRITABLE | (npt ? NPT_DIRTY : EPT_DIRTY) : base & ~WRITABLE;
  checkLeaf(spte, npt);
  return spte;
}

/**
 * Invariants of a leaf: W implies MMU-writable, MMU-writable implies host-writable, and a present entry is never an
 * EPT misconfiguration (writable but not readable). @kernel check_spte_writable_invariants arch/x86/kvm/mmu/spte.h
 */
function checkLeaf(spte: bigint, npt: boolean): void {
  const hostWritable = (spte >> (npt ? 9n : 57n)) & 1n;
  const mmuWritable = (spte >> (npt ? 10n : 58n)) & 1n;
  bugOn(isWritable(spte) && mmuWritable === 0n, 'a writable SPTE is not MMU-writable');
  bugOn(mmuWritable === 1n && hostWritable === 0n, 'an MMU-writable SPTE is not host-writable');
  bugOn(!npt && isWritable(spte) && (spte & 1n) === 0n, 'an EPT entry is writable but not readable');
}
