/**
 * @area shadow
 *
 * A fault of the guest with the shadow MMU. The guest's tables are walked first, without a lock; then the frame is asked
 * for; then mmu_lock is taken and everything that was read before is looked at again.
 */
import { type Cell, type Task, warnOn } from '@faultline/machine';
import { type MmStruct, putPage } from '../../host/mm.ts';
import { type Gfn, PAGE_SIZE } from '../../types.ts';
import { invalidationCovers } from '../../virt/invalidate-range.ts';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import { KVM_MEMSLOT_INVALID, type Memslot } from '../../virt/memslots.ts';
import { kvmMmuLock, kvmMmuUnlock } from '../../virt/mmu-lock.ts';
import { vcpuMemslots } from '../../virt/vcpu-memslots.ts';
import { type Faultin, faultinPfn } from '../direct-page-fault.ts';
import { flushRemoteTlbs } from '../flush.ts';
import type { PageFault } from '../page-fault.ts';
import { RetPf } from '../ret-pf.ts';
import { pfnOf } from '../spte.ts';
import { isShadowPresent } from '../spte-predicates.ts';
import { framesAt } from '../tdp-geometry.ts';
import { formatOf } from '../tdp-spte.ts';
import { shadowFastPageFault } from './fast-page-fault.ts';
import { getShadowPage, linkShadowPage } from './get-page.ts';
import {
  type GuestMemory,
  type GuestWalker,
  guestIndex,
  guestMemory,
  readGpte,
  slotOfGfn,
  walkGuest,
} from './guest-tables.ts';
import { makeShadowSpte } from './make-spte.ts';
import { pteListAdd, rmapOf } from './rmap.ts';
import { guestMmuOf } from './shadow-mmu.ts';
import { type Role, type ShadowPage, setGfnOfEntry, shadowChild } from './shadow-page.ts';
import { mmuSpteUpdate } from './spte-update.ts';
import { syncChildren } from './sync.ts';
import { isObsolete } from './unsync.ts';
import { gfnIsWriteTracked } from './write-track.ts';
import { makeMmuPagesAvailable } from './zap-all.ts';
import { dropParent, dropSpte } from './zap-page.ts';

/** The guest gets a page fault of its own: its tables do not allow what it did. */
export const INJECT_PAGE_FAULT = -1;

/** Inside a read section of kvm->srcu; `fault.gpa` is the virtual address. @kernel FNAME(page_fault), nonpaging_page_fault arch/x86/kvm/mmu/paging_tmpl.h */
export function* shadowPageFault(vcpu: Vcpu, fault: PageFault): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  fault.slots = yield* vcpuMemslots(vcpu);
  const memory = guestMemory(vcpu, fault.slots);
  const virtual = Math.floor(fault.gpa / PAGE_SIZE);
  const walker = yield* walkGuest(memory, virtual, fault.write);
  if (walker === null) return INJECT_PAGE_FAULT;
  const slot = yield* slotOfGfn(memory, walker.gfn);
  if (slot === null) return RetPf.EMULATE;
  const present = isShadowPresent(formatOf(kvm), fault.spte);
  // Nothing that could be installed would let the guest do that.
  emulate_tracked_write: if (fault.write && present && (yield* gfnIsWriteTracked(kvm, walker.gfn))) {
    return RetPf.EMULATE;
  }
  if (yield* shadowFastPageFault(vcpu, fault, walker, slot)) return RetPf.FIXED;
  if ((slot.flags & KVM_MEMSLOT_INVALID) !== 0) {
    const generation = yield* fault.slots.generation.readOnce();
    fault.waitFor = [
      [kvm.memslots.at(0), fault.slots],
      [fault.slots.generation, generation],
    ];
    return RetPf.RETRY;
  }
  const found = yield* faultinPfn(kvm, { ...fault, gpa: (walker.gfn * PAGE_SIZE) as PageFault['gpa'] }, slot);
  if (found === null) return RetPf.EMULATE;
  fault.waitFor = [[kvm.mmuInvalidateSeq, found.seq]];
  yield* kvmMmuLock(kvm);
  let result: number = RetPf.RETRY;
  if (!(yield* isStale(vcpu, fault, found))) {
    yield* makeMmuPagesAvailable(kvm);
    fault.waitFor = [];
    result = yield* fetch(vcpu, memory, { fault, virtual, walker, slot, found });
  }
  yield* kvmMmuUnlock(kvm);
  yield* putPage(kvm.mmStruct as MmStruct, found.pfn);
  return result;
}

/** @kernel is_page_fault_stale arch/x86/kvm/mmu/mmu.c */
function* isStale(vcpu: Vcpu, fault: PageFault, { seq, hva }: Faultin): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  // Its children have been taken away, and the request to load another root is there already.
  retry_obsolete_root: if (yield* isObsolete(kvm, guestMmuOf(vcpu).root as ShadowPage)) {
    fault.waitFor = [];
    return true;
  }
  let changed = false;
  retry_after_invalidation: {
    changed = invalidationCovers(kvm, hva) || (yield* kvm.mmuInvalidateSeq.readOnce()) !== seq;
  }
  return changed;
}

interface Fetch {
  readonly fault: PageFault;
  readonly virtual: number;
  readonly walker: GuestWalker;
  readonly slot: Memslot;
  readonly found: Faultin;
}

/**
 * From the root down: a shadow page for each table that was walked, each looked at again once it is protected. Below the
 * end of the guest's walk, pages that map a range of frames directly. Under mmu_lock.
 *
 * @kernel FNAME(fetch) arch/x86/kvm/mmu/paging_tmpl.h
 */
function* fetch(vcpu: Vcpu, memory: GuestMemory, todo: Fetch): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const { virtual, walker } = todo;
  const top = kvm.config.tdpLevels;
  let page = guestMmuOf(vcpu).root as ShadowPage;
  if (walker.level <= top && (yield* gpteChanged(memory, walker, virtual, top))) return RetPf.RETRY;
  for (let level = top; level > 1; level--) {
    const sptep = page.spt.at(guestIndex(kvm, virtual, level));
    const indirect = level > walker.level;
    page.writeFloodingCount = 0;
    const child = yield* childPage(
      kvm,
      memory,
      sptep,
      indirect ? indirectRole(walker, level - 1) : directRole(kvm, walker, level - 1),
    );
    const { page: next, isNew } = child;
    if (isNew) {
      // The guest need not flush when an entry of its becomes present: what is below must be right when it is linked.
      sync_before_link: if ((yield* next.unsyncChildren.readOnce()) !== 0)
        yield* syncChildren(kvm, memory, next);
    }
    // Read again, now that the table is protected: it may have been changed before.
    let changed = false;
    recheck_gpte: if (indirect) changed = yield* gpteChanged(memory, walker, virtual, level - 1);
    if (changed) return RetPf.RETRY;
    if (isNew) yield* linkShadowPage(kvm, page, sptep, next);
    page = next;
  }
  return yield* setSpte(vcpu, page, todo);
}

interface Wanted {
  readonly gfn: Gfn;
  readonly role: Role;
}

function indirectRole({ tables, accesses }: GuestWalker, level: number): Wanted {
  return { gfn: tables[level] as Gfn, role: { level, direct: false, access: accesses[level] as number } };
}

/** A huge page of the guest, or a guest without tables. */
function directRole(kvm: Kvm, { gfn, access }: GuestWalker, level: number): Wanted {
  const frames = framesAt(kvm, level + 1);
  return { gfn: (gfn - (gfn % frames)) as Gfn, role: { level, direct: true, access } };
}

/** What is below an entry: the page that is there, if it is the right one. @kernel kvm_mmu_get_child_sp, validate_direct_spte arch/x86/kvm/mmu/mmu.c */
function* childPage(
  kvm: Kvm,
  memory: GuestMemory,
  sptep: Cell<bigint>,
  { gfn, role }: Wanted,
): Task<{ page: ShadowPage; isNew: boolean }> {
  const spte = yield* sptep.readOnce();
  if (isShadowPresent(formatOf(kvm), spte)) {
    const page = shadowChild(spte);
    const right = page.gfn === gfn && page.access === role.access && (page.direct === 1) === role.direct;
    if (right) return { page, isNew: false };
    // Made for what the guest's entry said before.
    yield* dropParent(page, sptep);
    yield* flushRemoteTlbs(kvm);
  }
  return { page: yield* getShadowPage(kvm, memory, gfn, role), isNew: true };
}

/** @kernel FNAME(gpte_changed) arch/x86/kvm/mmu/paging_tmpl.h */
function* gpteChanged(
  memory: GuestMemory,
  walker: GuestWalker,
  virtual: number,
  level: number,
): Task<boolean> {
  if (level < walker.level) return false;
  const kvm = memory.vcpu.kvm as Kvm;
  const gpte = yield* readGpte(memory, walker.tables[level] as Gfn, guestIndex(kvm, virtual, level));
  return gpte !== walker.gptes[level];
}

/** Installs the leaf. @kernel mmu_set_spte arch/x86/kvm/mmu/mmu.c */
function* setSpte(
  vcpu: Vcpu,
  page: ShadowPage,
  { fault, virtual, walker, slot, found }: Fetch,
): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const format = formatOf(kvm);
  const index = guestIndex(kvm, virtual, 1);
  const sptep = page.spt.at(index);
  let old = yield* sptep.readOnce();
  let flush = false;
  if (isShadowPresent(format, old) && pfnOf(old) !== found.pfn) {
    yield* dropSpte(kvm, { page, sptep, index });
    old = 0n;
    flush = true;
  }
  warnOn(
    (guestMmuOf(vcpu).root as ShadowPage).invalid.peek() !== 0,
    'an SPTE is installed under an invalid root',
  );
  const { gfn, access } = walker;
  const { pfn, writable: hostWritable } = found;
  const mapping = { slot, gfn, pfn, access, hostWritable, old, prefetch: false, canUnsync: true };
  const { spte, wrprot } = yield* makeShadowSpte(vcpu, mapping);
  const result = wrprot && fault.write ? RetPf.EMULATE : RetPf.FIXED;
  if (spte !== old) flush = (yield* replaceLeaf(kvm, page, index, gfn, spte)) || flush;
  flush_changed_leaf: if (flush) yield* flushRemoteTlbs(kvm);
  return result;
}

function* replaceLeaf(kvm: Kvm, page: ShadowPage, index: number, gfn: Gfn, spte: bigint): Task<boolean> {
  const sptep = page.spt.at(index);
  const wasMapped = isShadowPresent(formatOf(kvm), yield* sptep.readOnce());
  const flush = yield* mmuSpteUpdate(kvm, sptep, spte);
  if (wasMapped) return flush;
  setGfnOfEntry(page, index, gfn);
  pteListAdd(rmapOf(kvm, gfn), sptep);
  return flush;
}
