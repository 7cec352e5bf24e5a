/** The range is that of the invalidation that began last. */
import type { Hva } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/invalidate-range.ts#addInvalidateRange 9c713d34 */
export function addInvalidateRange(kvm: Kvm, start: Hva, end: Hva): void {
  kvm.mmuInvalidateRangeStart = start;
  kvm.mmuInvalidateRangeEnd = end;
}
