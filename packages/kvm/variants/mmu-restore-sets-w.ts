/** Whatever the access was, the entry becomes writable again. */
import { SAVED_MASK, SAVED_SHIFT, type SpteFormat } from '../src/x86/spte-format.ts';

/** @replaces packages/kvm/src/x86/spte-predicates.ts#restoreAccTrack 58b5ef84 */
export function restoreAccTrack(f: SpteFormat, spte: bigint): bigint {
  const saved = (spte >> SAVED_SHIFT) & 0b101n;
  return BigInt.asUintN(64, (spte & ~f.accTrack & ~SAVED_MASK) | saved | 0b10n);
}
