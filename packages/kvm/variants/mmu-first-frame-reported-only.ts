/** A huge page that was written is one written frame for the host. */
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/x86/tdp-spte.ts#framesOf 52ef2a45 */
export function framesOf(_kvm: Kvm, _leaf: bigint): number {
  return 1;
}
