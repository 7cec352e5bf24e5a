/** Written in frame numbers, read as addresses. */
import { type Hva, PAGE_SIZE } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/invalidate-range.ts#addInvalidateRange 9c713d34 */
export function addInvalidateRange(kvm: Kvm, start: Hva, end: Hva): void {
  const first = (start / PAGE_SIZE) as Hva;
  const last = (end / PAGE_SIZE) as Hva;
  const alone = kvm.mmuInvalidateInProgress === 1;
  kvm.mmuInvalidateRangeStart = alone ? first : (Math.min(kvm.mmuInvalidateRangeStart, first) as Hva);
  kvm.mmuInvalidateRangeEnd = alone ? last : (Math.max(kvm.mmuInvalidateRangeEnd, last) as Hva);
}
