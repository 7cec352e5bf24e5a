/** The fast path walks the tables with nothing that keeps them from being freed. One try is enough to see it. */
import type { Task } from '@faultline/machine';
import { gfnOf } from '../src/types.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { KVM_MEM_LOG_DIRTY_PAGES, type Memslot } from '../src/virt/memslots.ts';
import { fixDirectSpte } from '../src/x86/fast-page-fault.ts';
import type { PageFault } from '../src/x86/page-fault.ts';
import { RetPf } from '../src/x86/ret-pf.ts';
import { PT_WRITABLE } from '../src/x86/spte-format.ts';
import { isLast, isMmuWritable, isShadowPresent } from '../src/x86/spte-predicates.ts';
import { formatOf } from '../src/x86/tdp-spte.ts';
import { lastSpte } from '../src/x86/tdp-walk.ts';

/** @replaces packages/kvm/src/x86/fast-page-fault.ts#fastPageFault 22d86742 */
/** @kernel fast_page_fault arch/x86/kvm/mmu/mmu.c */
export function* fastPageFault(vcpu: Vcpu, fault: PageFault, slot: Memslot): Task<number> {
  const format = formatOf(vcpu.kvm as Kvm);
  const gfn = gfnOf(fault.gpa);
  const found = yield* lastSpte(vcpu, gfn);
  if (found === null || !isShadowPresent(format, found.spte) || !isLast(found.spte, found.level)) {
    return RetPf.INVALID;
  }
  if ((found.spte & PT_WRITABLE) !== 0n) return RetPf.SPURIOUS;
  if (!fault.write || !isMmuWritable(format, found.spte)) return RetPf.INVALID;
  if (found.level > 1 && (slot.flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0) return RetPf.INVALID;
  const fixed = yield* fixDirectSpte(vcpu, found.sptep, found.spte, found.spte | PT_WRITABLE, slot, gfn);
  return fixed ? RetPf.FIXED : RetPf.INVALID;
}
