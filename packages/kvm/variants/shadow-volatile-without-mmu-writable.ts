/** An entry without W counts as one that nobody can change, although the fast path could give W back. */
import { PT_WRITABLE, type SpteFormat } from '../src/x86/spte-format.ts';
import { isAccessed, isDirty, isShadowPresent } from '../src/x86/spte-predicates.ts';

/** @replaces packages/kvm/src/x86/shadow/spte-update.ts#mayChange a3d84e49 */
export function mayChange(format: SpteFormat, spte: bigint): boolean {
  if (!isShadowPresent(format, spte)) return false;
  return !isAccessed(format, spte) || ((spte & PT_WRITABLE) !== 0n && !isDirty(format, spte));
}
