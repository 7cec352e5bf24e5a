/** R and X are saved to bits 58 and 60; MMU-writable is bit 58, host-writable bit 57. */
import type { SpteFormat } from '../src/x86/spte-format.ts';
import { adEnabled, isAccessTrack } from '../src/x86/spte-predicates.ts';

const SHIFT = 58n;

/** @replaces packages/kvm/src/x86/spte-predicates.ts#markForAccessTrack a393d431 */
export function markForAccessTrack(f: SpteFormat, spte: bigint): bigint {
  if (adEnabled(f, spte)) return spte & ~f.accessed;
  if (isAccessTrack(f, spte)) return spte;
  return BigInt.asUintN(64, (spte | ((spte & 0b101n) << SHIFT)) & ~f.accTrack);
}

/** @replaces packages/kvm/src/x86/spte-predicates.ts#restoreAccTrack 58b5ef84 */
export function restoreAccTrack(f: SpteFormat, spte: bigint): bigint {
  return BigInt.asUintN(64, (spte & ~f.accTrack) | ((spte >> SHIFT) & 0b101n));
}

/** Without the check that would notice. @replaces packages/kvm/src/x86/spte-predicates.ts#checkSpte d5a0352d */
export function checkSpte(_f: SpteFormat, _spte: bigint): void {}
