/** Fast page fault is on for pages that mirror tables of the guest, with nothing to hold the frame. */
import type { Task } from '@faultline/machine';
import { type Gfn, PAGE_SIZE } from '../src/types.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import type { Memslot } from '../src/virt/memslots.ts';
import { fixDirectSpte, fixed } from '../src/x86/fast-page-fault.ts';
import type { PageFault } from '../src/x86/page-fault.ts';
import type { GuestWalker } from '../src/x86/shadow/guest-tables.ts';
import { gfnOfEntry } from '../src/x86/shadow/shadow-page.ts';
import { lastShadowSpte } from '../src/x86/shadow/walk.ts';

/** @replaces packages/kvm/src/x86/shadow/fast-page-fault.ts#shadowFastPageFault 2bc7248a */
export function* shadowFastPageFault(
  vcpu: Vcpu,
  fault: PageFault,
  _walker: GuestWalker,
  slot: Memslot,
): Task<boolean> {
  if (!fault.write) return false;
  const found = yield* lastShadowSpte(vcpu, Math.floor(fault.gpa / PAGE_SIZE));
  if (found === null) return false;
  const { page, sptep, spte, index } = found;
  const kvm = vcpu.kvm as Kvm;
  const next = fixed(kvm, spte, 1, true);
  if (typeof next !== 'bigint') return next === 'spurious';
  const racy = page.translations?.gfns.at(index);
  const gfn = racy === undefined ? gfnOfEntry(kvm, page, index) : ((yield* racy.dataRace()) as Gfn);
  return yield* fixDirectSpte(vcpu, sptep, spte, next, slot, gfn);
}
