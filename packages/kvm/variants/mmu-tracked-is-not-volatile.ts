/** The fast path is forgotten as one that gives R and X back. */
import { PT_WRITABLE, type SpteFormat } from '../src/x86/spte-format.ts';
import { adEnabled, isMmuWritable, isShadowPresent } from '../src/x86/spte-predicates.ts';

/** @replaces packages/kvm/src/x86/tdp-spte.ts#spteIsVolatile eab1bdaf */
export function spteIsVolatile(format: SpteFormat, spte: bigint): boolean {
  if (!isShadowPresent(format, spte)) return false;
  const writable = (spte & PT_WRITABLE) !== 0n;
  if (!writable && isMmuWritable(format, spte)) return true;
  return (
    adEnabled(format, spte) && ((spte & format.accessed) === 0n || (writable && (spte & format.dirty) === 0n))
  );
}
