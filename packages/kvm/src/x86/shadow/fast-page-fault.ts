/**
 * @area shadow
 *
 * The fast page fault of the shadow MMU. An entry of a direct page maps the same guest frame as long as the page lives. One
 * of an indirect page maps what the guest's table says: it can go away and come back for another guest frame with the very
 * same bits, and then the cmpxchg succeeds and the wrong frame is logged. So indirect pages are left alone, unless the host
 * frame is held from before the entry is compared: then it cannot become another guest frame's.
 */
import type { Cell, Task } from '@faultline/machine';
import { type MmStruct, PTE_PRESENT, PTE_WRITABLE, ptePfn, putPage } from '../../host/mm.ts';
import { type Gfn, PAGE_SIZE } from '../../types.ts';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import { hvaOf, type Memslot } from '../../virt/memslots.ts';
import { hasEntry } from '../../virt/vcpu-mode.ts';
import { fixDirectSpte, fixed } from '../fast-page-fault.ts';
import type { PageFault } from '../page-fault.ts';
import { walkShadowPageLocklessBegin, walkShadowPageLocklessEnd } from '../shadow-walk.ts';
import { pfnOf } from '../spte.ts';
import { isShadowPresent } from '../spte-predicates.ts';
import { formatOf } from '../tdp-spte.ts';
import { ACC_WRITE, type GuestWalker } from './guest-tables.ts';
import { guestMmuOf, shadowOf } from './shadow-mmu.ts';
import { gfnOfEntry } from './shadow-page.ts';
import { lastShadowSpte } from './walk.ts';

/** Whether the access was let through. Without mmu_lock. @kernel fast_page_fault arch/x86/kvm/mmu/mmu.c */
export function* shadowFastPageFault(
  vcpu: Vcpu,
  fault: PageFault,
  walker: GuestWalker,
  slot: Memslot,
): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  // Only W is ever given back, and only what is present can have lost it.
  if (!fault.write || !isShadowPresent(formatOf(kvm), fault.spte)) return false;
  if (guestMmuOf(vcpu).paging === 1 && shadowOf(kvm).fixesIndirect === 0) return false;
  // Also what keeps the frame: whoever takes it away flushes, and that waits for the end of the walk.
  walk_with_irqs_off: yield* walkBegin(vcpu);
  const done = yield* fixLast(vcpu, Math.floor(fault.gpa / PAGE_SIZE), walker, slot);
  walk_with_irqs_off: yield* walkEnd(vcpu);
  return done;
}

function* fixLast(vcpu: Vcpu, virtual: number, walker: GuestWalker, slot: Memslot): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  const found = yield* lastShadowSpte(vcpu, virtual);
  if (found === null || (walker.access & ACC_WRITE) === 0) return false;
  const { page, sptep, spte, index } = found;
  const next = fixed(kvm, spte, 1, true);
  if (next === 'spurious') return true;
  if (next === null) return false;
  if (page.translations === null) {
    return yield* fixDirectSpte(vcpu, sptep, spte, next, slot, gfnOfEntry(kvm, page, index));
  }
  // Without mmu_lock: it may be what the entry mapped before, or will map next.
  const gfn = (yield* page.translations.gfns.at(index).dataRace()) as Gfn;
  return yield* fixIndirectSpte(vcpu, { sptep, spte, next, slot, gfn });
}

/** A change to an entry that maps a frame. */
export interface Fix {
  readonly sptep: Cell<bigint>;
  readonly spte: bigint;
  readonly next: bigint;
  readonly slot: Memslot;
  readonly gfn: Gfn;
}

/** Holds the frame first. Proposed in 2012, and never merged in this form. @kernel gfn_to_pfn_atomic virt/kvm/kvm_main.c */
export function* fixIndirectSpte(vcpu: Vcpu, { sptep, spte, next, slot, gfn }: Fix): Task<boolean> {
  const mm = (vcpu.kvm as Kvm).mmStruct as MmStruct;
  const ptep = mm.ptes.at(Math.floor(hvaOf(slot, gfn) / PAGE_SIZE));
  const pte = yield* ptep.readOnce();
  if ((pte & PTE_PRESENT) === 0n || (pte & PTE_WRITABLE) === 0n || ptePfn(pte) !== pfnOf(spte)) return false;
  yield* mm.page.at(ptePfn(pte)).refcount.fetchAdd(1);
  // As get_user_pages_fast does: the reference counts only if the entry still names the frame.
  const held = (yield* ptep.readOnce()) === pte;
  const done = held && (yield* fixDirectSpte(vcpu, sptep, spte, next, slot, gfn));
  yield* putPage(mm, ptePfn(pte));
  return done;
}

/** Tables found from here on stay until the end: whoever frees one first makes every vCPU flush. On a VM whose vCPUs are always in their guest that flush takes the lock of the TLB. */
function* walkBegin(vcpu: Vcpu): Task {
  if (hasEntry(vcpu.kvm as Kvm)) yield* walkShadowPageLocklessBegin(vcpu);
  else yield* vcpu.tlb.lock.lock();
}

function* walkEnd(vcpu: Vcpu): Task {
  if (hasEntry(vcpu.kvm as Kvm)) yield* walkShadowPageLocklessEnd(vcpu);
  else yield* vcpu.tlb.lock.unlock();
}
