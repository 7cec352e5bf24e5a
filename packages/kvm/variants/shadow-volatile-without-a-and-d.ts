/** An entry that is writable counts as one that nobody can change, although the hardware could set A or D. */
import { PT_WRITABLE, type SpteFormat } from '../src/x86/spte-format.ts';
import { isMmuWritable, isShadowPresent } from '../src/x86/spte-predicates.ts';

/** @replaces packages/kvm/src/x86/shadow/spte-update.ts#mayChange a3d84e49 */
export function mayChange(format: SpteFormat, spte: bigint): boolean {
  return isShadowPresent(format, spte) && (spte & PT_WRITABLE) === 0n && isMmuWritable(format, spte);
}
