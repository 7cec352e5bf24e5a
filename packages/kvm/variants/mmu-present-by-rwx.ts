/** What the hardware would call present. */
import type { SpteFormat } from '../src/x86/spte-format.ts';

/** @replaces packages/kvm/src/x86/spte-predicates.ts#isShadowPresent da818c06 */
export function isShadowPresent(f: SpteFormat, spte: bigint): boolean {
  return (spte & (f.readable | 0b110n)) !== 0n;
}
