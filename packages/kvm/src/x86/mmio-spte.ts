/**
 * MMIO SPTEs: "no slot backs this frame", remembered in the page table together with a truncated memslot generation.
 * The entry makes the hardware exit in a way of its own (EPT misconfiguration, reserved bit), so no walk of the slots
 * is needed while the generation still fits.
 *
 * Where the generation stands:
 *   before ee3d1570b586   19 bits: 0-8 in SPTE 3-11, 9-18 in SPTE 52-61
 *   2014                  20 bits, bit 0 presumed zero: 1-9 in SPTE 3-11, 10-19 in SPTE 52-61
 *   modern                19 bits: 0-7 in SPTE 3-10, 8-18 in SPTE 52-62; bit 11 stays clear (not MMU-present)
 */
import { bugOn } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import { MmioLayout } from '../virt/kvm-config.ts';
import { SPTE_MMU_PRESENT, u64 } from './spte.ts';

/** Access bits kept in the entry. @kernel ACC_WRITE_MASK, ACC_USER_MASK arch/x86/kvm/mmu/mmu_internal.h */
export const ACC_WRITE = 1n << 1n;

export interface GenerationBits {
  /** Bits of the generation that are kept at all. */
  readonly mask: bigint;
  readonly lowMask: bigint;
  readonly lowShift: bigint;
  readonly highMask: bigint;
  readonly highShift: bigint;
}

const bits = (from: bigint, to: bigint): bigint => ((1n << (to - from + 1n)) - 1n) << from;

/** Shifts move a generation bit to its place in the entry. */
export const LAYOUTS: Readonly<Record<number, GenerationBits>> = {
  [MmioLayout.BEFORE_2014]: {
    mask: bits(0n, 18n),
    lowMask: bits(0n, 8n),
    lowShift: 3n,
    highMask: bits(9n, 18n),
    highShift: 52n - 9n,
  },
  [MmioLayout.Y2014]: {
    mask: bits(0n, 19n),
    lowMask: bits(1n, 9n),
    lowShift: 2n,
    highMask: bits(10n, 19n),
    highShift: 52n - 10n,
  },
  [MmioLayout.MODERN]: {
    mask: bits(0n, 18n),
    lowMask: bits(0n, 7n),
    lowShift: 3n,
    highMask: bits(8n, 18n),
    highShift: 52n - 8n,
  },
};

/** What marks an entry as MMIO. @kernel shadow_mmio_value, shadow_mmio_mask arch/x86/kvm/mmu/spte.c */
const EPT_VALUE = 0b110n;
const EPT_MASK = 0b111n;
const NPT_VALUE = (1n << 51n) | 1n;
/** 2014: two software bits beside the misconfiguration. */
const MARK_2014 = 0b11n << 62n;

/** Physical address bits of the host: the top five are always set in the entry and their values kept above (L1TF). */
const PHYS_BITS = 46n;
const RSVD_LENGTH = 5n;
const RSVD_MASK = bits(PHYS_BITS - RSVD_LENGTH, PHYS_BITS - 1n);
const GFN_MASK = bits(12n, 51n);

/** @kernel make_mmio_spte arch/x86/kvm/mmu/spte.c */
export function makeMmioSpte(
  layout: number,
  npt: boolean,
  gfn: Gfn,
  generation: number,
  access: bigint,
): bigint {
  const { lowMask, lowShift, highMask, highShift } = generationBits(layout);
  const gen = BigInt(generation);
  const gpa = u64(BigInt(gfn) << 12n) & GFN_MASK;
  const stored = ((gen & lowMask) << lowShift) | ((gen & highMask) << highShift);
  const spte = u64(stored | markOf(layout, npt) | access | protectedGpa(layout, gpa));
  checkMmioSpte(spte, layout, npt);
  return spte;
}

/** @kernel is_mmio_spte arch/x86/kvm/mmu/spte.h */
export function isMmioSpte(spte: bigint, layout: number, npt: boolean): boolean {
  if (layout !== MmioLayout.MODERN) return (spte & MARK_2014) === MARK_2014;
  return npt ? (spte & NPT_VALUE) === NPT_VALUE : (spte & EPT_MASK) === EPT_VALUE;
}

/** The truncated generation in the entry. @kernel get_mmio_spte_generation arch/x86/kvm/mmu/spte.h */
export function mmioGenerationOf(spte: bigint, layout: number): number {
  const { lowMask, lowShift, highMask, highShift } = generationBits(layout);
  return Number(((spte >> lowShift) & lowMask) | ((spte >> highShift) & highMask));
}

/** The frame in the entry. @kernel get_mmio_spte_gfn arch/x86/kvm/mmu/mmu.c */
export function mmioGfnOf(spte: bigint, layout: number): Gfn {
  if (layout !== MmioLayout.MODERN) return Number((spte & bits(12n, 50n)) >> 12n) as Gfn;
  const low = spte & bits(12n, PHYS_BITS - RSVD_LENGTH - 1n);
  const high = (spte >> RSVD_LENGTH) & RSVD_MASK;
  return Number((low | high) >> 12n) as Gfn;
}

/** A memslot generation as far as an entry can tell it apart. @kernel kvm_current_mmio_generation arch/x86/kvm/mmu.c */
export function truncateGeneration(generation: number, layout: number): number {
  return Number(BigInt(generation) & generationBits(layout).mask);
}

/** Bits of the address that need no protection stay; in the modern layout the top five move up. */
function protectedGpa(layout: number, gpa: bigint): bigint {
  if (layout !== MmioLayout.MODERN) return gpa;
  return gpa | RSVD_MASK | ((gpa & RSVD_MASK) << RSVD_LENGTH);
}

function markOf(layout: number, npt: boolean): bigint {
  const value = npt ? NPT_VALUE : EPT_VALUE;
  return layout === MmioLayout.MODERN ? value : MARK_2014 | value;
}

/**
 * Invariants: never MMU-present in the modern layout, and recognised for what it is.
 */
function checkMmioSpte(spte: bigint, layout: number, npt: boolean): void {
  bugOn(layout === MmioLayout.MODERN && (spte & SPTE_MMU_PRESENT) !== 0n, 'an MMIO SPTE looks present');
  bugOn(!isMmioSpte(spte, layout, npt), 'an MMIO SPTE is not recognised');
}

/** Where the layout keeps the generation. */
export function generationBits(layout: number): GenerationBits {
  const found = LAYOUTS[layout];
  if (found === undefined) throw new RangeError(`no MMIO SPTE layout ${layout}`);
  return found;
}
