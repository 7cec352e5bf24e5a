/** The fast path makes writable whatever the host lets be written, also what is protected because it is mirrored. */
import type { Kvm } from '../src/virt/kvm.ts';
import { PT_WRITABLE } from '../src/x86/spte-format.ts';
import { isLast, isShadowPresent } from '../src/x86/spte-predicates.ts';
import { formatOf } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/fast-page-fault.ts#fixed c0e32e47 */
export function fixed(kvm: Kvm, spte: bigint, level: number, write: boolean): bigint | 'spurious' | null {
  const format = formatOf(kvm);
  if (!isShadowPresent(format, spte) || !isLast(spte, level)) return null;
  if (!write || (spte & PT_WRITABLE) !== 0n) return 'spurious';
  if ((spte & format.hostWritable) === 0n) return null;
  return spte | format.mmuWritable | PT_WRITABLE;
}
