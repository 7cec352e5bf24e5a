/** A table is made writable first, and said to be out of step afterwards. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { RetPf } from '../src/x86/ret-pf.ts';
import { guestIndex } from '../src/x86/shadow/guest-tables.ts';
import { makeShadowSpte } from '../src/x86/shadow/make-spte.ts';
import { type Fetch, replaceLeaf } from '../src/x86/shadow/page-fault.ts';
import type { ShadowPage } from '../src/x86/shadow/shadow-page.ts';
import { mmuTryToUnsyncPages } from '../src/x86/shadow/unsync.ts';
import { PT_WRITABLE } from '../src/x86/spte-format.ts';

/** @replaces packages/kvm/src/x86/shadow/page-fault.ts#mmuSetSpte 42b7b94b */
export function* mmuSetSpte(
  vcpu: Vcpu,
  page: ShadowPage,
  { virtual, walker, slot, found }: Fetch,
): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const index = guestIndex(kvm, virtual, 1);
  const { gfn, access } = walker;
  const wish = { gfn, prefetch: false, canUnsync: true };
  const { pfn, writable: hostWritable } = found;
  const made = yield* makeShadowSpte(vcpu, { ...wish, slot, pfn, access, hostWritable, old: PT_WRITABLE });
  yield* replaceLeaf(kvm, page, index, gfn, made.spte);
  yield* mmuTryToUnsyncPages(kvm, wish);
  return RetPf.FIXED;
}
