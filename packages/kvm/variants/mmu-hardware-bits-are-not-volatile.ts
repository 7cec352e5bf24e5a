/** Only what the fast path may change counts as volatile, not what the hardware may set. */
import { PT_WRITABLE, type SpteFormat } from '../src/x86/spte-format.ts';
import { isAccessTrack, isMmuWritable, isShadowPresent } from '../src/x86/spte-predicates.ts';

/** @replaces packages/kvm/src/x86/tdp-spte.ts#spteIsVolatile eab1bdaf */
export function spteIsVolatile(format: SpteFormat, spte: bigint): boolean {
  if (!isShadowPresent(format, spte)) return false;
  return ((spte & PT_WRITABLE) === 0n && isMmuWritable(format, spte)) || isAccessTrack(format, spte);
}
