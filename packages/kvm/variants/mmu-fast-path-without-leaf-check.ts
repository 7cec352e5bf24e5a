/** The fast path does not ask whether the entry that it found is a leaf. One try, as it is without contention. */
import type { Task } from '@faultline/machine';
import { gfnOf } from '../src/types.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { KVM_MEM_LOG_DIRTY_PAGES, type Memslot } from '../src/virt/memslots.ts';
import { fixDirectSpte } from '../src/x86/fast-page-fault.ts';
import type { PageFault } from '../src/x86/page-fault.ts';
import { RetPf } from '../src/x86/ret-pf.ts';
import { PT_WRITABLE } from '../src/x86/spte-format.ts';
import { isMmuWritable, isShadowPresent } from '../src/x86/spte-predicates.ts';
import { formatOf } from '../src/x86/tdp-spte.ts';
import { lastSpte } from '../src/x86/tdp-walk.ts';

/** @replaces packages/kvm/src/x86/fast-page-fault.ts#fastPageFault 22d86742 */
/** @kernel fast_page_fault arch/x86/kvm/mmu/mmu.c */
export function* fastPageFault(vcpu: Vcpu, fault: PageFault, slot: Memslot): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const format = formatOf(kvm);
  const gfn = gfnOf(fault.gpa);
  const rcu = yield* kvm.rcu.readLock();
  const found = yield* lastSpte(vcpu, gfn);
  let result: number = RetPf.INVALID;
  const small = found?.level === 1 || (slot.flags & KVM_MEM_LOG_DIRTY_PAGES) === 0;
  if (found !== null && isShadowPresent(format, found.spte)) {
    if ((found.spte & PT_WRITABLE) !== 0n || !fault.write) result = RetPf.SPURIOUS;
    else if (small && isMmuWritable(format, found.spte)) {
      const fixed = yield* fixDirectSpte(vcpu, found.sptep, found.spte, found.spte | PT_WRITABLE, slot, gfn);
      if (fixed) result = RetPf.FIXED;
    }
  }
  yield* kvm.rcu.readUnlock(rcu);
  return result;
}
