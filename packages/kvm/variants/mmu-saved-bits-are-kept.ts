/** R and X come back, and what was saved stays where it was. */
import { SAVED_SHIFT, type SpteFormat } from '../src/x86/spte-format.ts';

/** @replaces packages/kvm/src/x86/spte-predicates.ts#restoreAccTrack 58b5ef84 */
export function restoreAccTrack(f: SpteFormat, spte: bigint): bigint {
  const saved = (spte >> SAVED_SHIFT) & 0b101n;
  return BigInt.asUintN(64, (spte & ~f.accTrack) | saved);
}
