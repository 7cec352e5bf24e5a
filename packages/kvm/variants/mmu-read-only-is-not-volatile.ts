/** The clause that the fast path made necessary is missing: only access tracking and A/D bits count as volatile. */
import { PT_WRITABLE, type SpteFormat } from '../src/x86/spte-format.ts';
import { adEnabled, isAccessTrack, isShadowPresent } from '../src/x86/spte-predicates.ts';

/** @replaces packages/kvm/src/x86/tdp-spte.ts#spteIsVolatile eab1bdaf */
export function spteIsVolatile(format: SpteFormat, spte: bigint): boolean {
  if (!isShadowPresent(format, spte)) return false;
  if (isAccessTrack(format, spte)) return true;
  const writable = (spte & PT_WRITABLE) !== 0n;
  return (
    adEnabled(format, spte) && ((spte & format.accessed) === 0n || (writable && (spte & format.dirty) === 0n))
  );
}
