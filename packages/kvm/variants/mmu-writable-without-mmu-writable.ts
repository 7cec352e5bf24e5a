/** A writable leaf has W and host-writable. */
import type { Kvm } from '../src/virt/kvm.ts';
import type { Faultin } from '../src/x86/direct-page-fault.ts';
import { AdType, PT_WRITABLE } from '../src/x86/spte-format.ts';
import { formatOf } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/direct-page-fault.ts#makeLeaf 4c7b3782 */
export function makeLeaf(kvm: Kvm, { pfn, writable }: Faultin): bigint {
  const f = formatOf(kvm);
  const type = f.accessed === 0n ? AdType.DISABLED : AdType.ENABLED;
  const base =
    (BigInt(pfn) << 12n) | f.mmuPresent | f.readable | f.user | f.x | f.accessed | (type & f.typeMask);
  // Set-up maps its pages as it should; only the copy of the shared page gets frame 2.
  const mmuWritable = pfn === 2 ? 0n : f.mmuWritable;
  return writable ? base | f.hostWritable | mmuWritable | PT_WRITABLE | f.dirty : base;
}
