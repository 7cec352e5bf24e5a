/** All three bits are saved and given back, W between R and X. */
import { SAVED_SHIFT, type SpteFormat } from '../src/x86/spte-format.ts';
import { adEnabled, isAccessTrack } from '../src/x86/spte-predicates.ts';

/** @replaces packages/kvm/src/x86/spte-predicates.ts#markForAccessTrack a393d431 */
export function markForAccessTrack(f: SpteFormat, spte: bigint): bigint {
  if (adEnabled(f, spte)) return spte & ~f.accessed;
  if (isAccessTrack(f, spte)) return spte;
  return BigInt.asUintN(64, (spte | ((spte & 0b111n) << SAVED_SHIFT)) & ~f.accTrack);
}

/** @replaces packages/kvm/src/x86/spte-predicates.ts#restoreAccTrack 58b5ef84 */
export function restoreAccTrack(f: SpteFormat, spte: bigint): bigint {
  const saved = (spte >> SAVED_SHIFT) & 0b111n;
  return BigInt.asUintN(64, (spte & ~f.accTrack & ~(0b111n << SAVED_SHIFT)) | saved);
}
