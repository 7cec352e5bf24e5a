/**
 * What an SPTE says, as questions. They are pure functions of a value that the caller has read once; none reads memory.
 *
 * Invariants of a value that software calls present:
 * - W implies MMU-writable implies host-writable;
 * - an access-tracked value has none of R, W, X, and what it saved is all that may come back: W never does;
 * - neither MMIO nor frozen.
 */
import { bugOn } from '@faultline/machine';
import {
  AdType,
  PT_PAGE_SIZE,
  PT_WRITABLE,
  SAVED_MASK,
  SAVED_SHIFT,
  type SpteFormat,
} from './spte-format.ts';

/** "One thread owns this entry": never present, never MMIO. @kernel REMOVED_SPTE, FROZEN_SPTE arch/x86/kvm/mmu/spte.h */
export const FROZEN_SPTE = 0x5a0n;

/** @kernel is_mmio_spte arch/x86/kvm/mmu/spte.h */
export function isMmio(f: SpteFormat, spte: bigint): boolean {
  return and(spte, f.mmioMask) === f.mmioValue;
}

/** Present for software; an access-tracked entry is, although the hardware faults on it. @kernel is_shadow_present_pte arch/x86/kvm/mmu/spte.h */
export function isShadowPresent(f: SpteFormat, spte: bigint): boolean {
  if (f.mmuPresent !== 0n) return and(spte, f.mmuPresent) !== 0n;
  return spte !== 0n && !isMmio(f, spte);
}

/** @kernel is_large_pte arch/x86/kvm/mmu/spte.h */
export function isLarge(spte: bigint): boolean {
  return and(spte, PT_PAGE_SIZE) !== 0n;
}

/** @kernel is_last_spte arch/x86/kvm/mmu/spte.h */
export function isLast(spte: bigint, level: number): boolean {
  return level === 1 || isLarge(spte);
}

/** @kernel spte_ad_enabled arch/x86/kvm/mmu/spte.h */
export function adEnabled(f: SpteFormat, spte: bigint): boolean {
  return f.accessed !== 0n && and(spte, f.typeMask) !== AdType.DISABLED;
}

/** Dirty logging of this entry goes by W, whatever the hardware can do. @kernel spte_ad_need_write_protect arch/x86/kvm/mmu/spte.h */
export function needsWriteProtect(f: SpteFormat, spte: bigint): boolean {
  return f.dirty === 0n || and(spte, f.typeMask) !== AdType.ENABLED;
}

/** @kernel is_access_track_spte arch/x86/kvm/mmu/spte.h */
export function isAccessTrack(f: SpteFormat, spte: bigint): boolean {
  return f.accTrack !== 0n && !adEnabled(f, spte) && and(spte, f.accTrack) === 0n;
}

/** @kernel is_accessed_spte arch/x86/kvm/mmu/spte.h */
export function isAccessed(f: SpteFormat, spte: bigint): boolean {
  return adEnabled(f, spte) ? and(spte, f.accessed) !== 0n : !isAccessTrack(f, spte);
}

/** Without D bits an entry counts as dirty while it is writable. @kernel is_dirty_spte arch/x86/kvm/mmu/spte.h */
export function isDirty(f: SpteFormat, spte: bigint): boolean {
  return adEnabled(f, spte) ? and(spte, f.dirty) !== 0n : and(spte, PT_WRITABLE) !== 0n;
}

/** @kernel is_executable_pte arch/x86/kvm/mmu/spte.h */
export function isExecutable(f: SpteFormat, spte: bigint): boolean {
  return and(spte, f.x | f.nx) === f.x;
}

/** @kernel is_mmu_writable_spte arch/x86/kvm/mmu/spte.h */
export function isMmuWritable(f: SpteFormat, spte: bigint): boolean {
  return and(spte, f.mmuWritable) !== 0n;
}

/**
 * Whether someone without mmu_lock may change the value: the fast path may set W, or give R and X back; the hardware may
 * set A or D. Such a value is only ever exchanged. @kernel spte_has_volatile_bits arch/x86/kvm/mmu/spte.c
 */
export function hasVolatileBits(f: SpteFormat, spte: bigint): boolean {
  if (!isShadowPresent(f, spte)) return false;
  const writable = and(spte, PT_WRITABLE) !== 0n;
  if (f.layout === 'modern' ? !writable && isMmuWritable(f, spte) : canBecomeWritable(f, spte)) return true;
  if (isAccessTrack(f, spte)) return true;
  return adEnabled(f, spte) && (and(spte, f.accessed) === 0n || (writable && and(spte, f.dirty) === 0n));
}

/** Takes R, W and X away and saves R and X, so that the next access faults. @kernel mark_spte_for_access_track arch/x86/kvm/mmu/spte.c */
export function markForAccessTrack(f: SpteFormat, spte: bigint): bigint {
  if (adEnabled(f, spte)) return spte & ~f.accessed;
  if (isAccessTrack(f, spte)) return spte;
  bugOn(and(spte, SAVED_MASK) !== 0n, 'an access-tracked SPTE was given back without clearing what it saved');
  const saved = and(spte, 0b101n) << SAVED_SHIFT;
  return BigInt.asUintN(64, (spte | saved) & ~f.accTrack);
}

/** Gives R and X back. W never was saved: a write has to fault, so that it is logged. @kernel restore_acc_track_spte arch/x86/kvm/mmu/spte.h */
export function restoreAccTrack(f: SpteFormat, spte: bigint): bigint {
  const saved = (spte >> SAVED_SHIFT) & 0b101n;
  return BigInt.asUintN(64, (spte & ~f.accTrack & ~SAVED_MASK) | saved);
}

/** Throws KernelBug if a value breaks the invariants above. Runs on each value that is written. @kernel check_spte_writable_invariants arch/x86/kvm/mmu/spte.h */
export function checkSpte(f: SpteFormat, spte: bigint): void {
  if (!isShadowPresent(f, spte)) return;
  const writable = and(spte, PT_WRITABLE) !== 0n;
  bugOn(isMmio(f, spte), 'a present SPTE is MMIO');
  bugOn(spte === FROZEN_SPTE, 'a frozen SPTE is present');
  bugOn(writable && !isMmuWritable(f, spte), 'a writable SPTE is not MMU-writable');
  bugOn(
    isMmuWritable(f, spte) && and(spte, f.hostWritable) === 0n,
    'an MMU-writable SPTE is not host-writable',
  );
  bugOn(f.ept && writable && and(spte, f.readable) === 0n, 'an EPT entry is writable but not readable');
}

/** Older kernels exchanged whatever could be made writable, writable or not. @kernel spte_can_locklessly_be_made_writable */
function canBecomeWritable(f: SpteFormat, spte: bigint): boolean {
  const both = f.hostWritable | f.mmuWritable;
  return and(spte, both) === both;
}

/** Wrapped at every step, so that V8 keeps the 64 bits in a register instead of allocating. */
function and(a: bigint, b: bigint): bigint {
  return BigInt.asUintN(64, a & b);
}
