/** Of the huge pages that a word of the bitmap meets only the first is protected. */
import type { Gfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { firstOfHuge } from '../src/x86/hugepage-adjust.ts';

/** @replaces packages/kvm/src/x86/arm-huge-pages.ts#hugePagesOf fc1828a6 */
export function hugePagesOf(kvm: Kvm, start: Gfn, _end: Gfn): Gfn[] {
  return [firstOfHuge(kvm, start)];
}
