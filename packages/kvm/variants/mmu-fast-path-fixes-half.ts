/** Whatever changes the entry is taken for a fix, whether or not it allows the access. */
import type { Kvm } from '../src/virt/kvm.ts';
import { PT_WRITABLE } from '../src/x86/spte-format.ts';
import {
  isAccessTrack,
  isLast,
  isMmuWritable,
  isShadowPresent,
  restoreAccTrack,
} from '../src/x86/spte-predicates.ts';
import { formatOf } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/fast-page-fault.ts#fixed c0e32e47 */
export function fixed(kvm: Kvm, spte: bigint, level: number, write: boolean): bigint | 'spurious' | null {
  const format = formatOf(kvm);
  if (!isShadowPresent(format, spte) || !isLast(spte, level)) return null;
  if ((spte & (write ? PT_WRITABLE : format.readable)) !== 0n) return 'spurious';
  let next = isAccessTrack(format, spte) ? restoreAccTrack(format, spte) : spte;
  if (write && isMmuWritable(format, spte)) next |= PT_WRITABLE;
  return next === spte ? null : next;
}
