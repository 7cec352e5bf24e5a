/**
 * @area shadow
 *
 * Bringing shadow pages in step with the tables that the guest has written. The order matters: first the table is
 * protected and no TLB can write it any more, then the page says that it is in step, and only then the table is read.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../../types.ts';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import { kvmMmuLock, kvmMmuUnlock } from '../../virt/mmu-lock.ts';
import { vcpuMemslots } from '../../virt/vcpu-memslots.ts';
import { flushRemoteTlbs } from '../flush.ts';
import { pfnOf } from '../spte.ts';
import { isShadowPresent } from '../spte-predicates.ts';
import { entriesOf } from '../tdp-geometry.ts';
import { formatOf } from '../tdp-spte.ts';
import {
  type GuestMemory,
  gpteAccess,
  gpteGfn,
  guestMemory,
  PT_ACCESSED,
  PT_LARGE,
  PT_PRESENT,
  protectCleanGpte,
  readGpte,
  slotOfGfn,
} from './guest-tables.ts';
import { makeShadowSpte } from './make-spte.ts';
import { rmapWriteProtect } from './protect.ts';
import { guestMmuOf, shadowOf } from './shadow-mmu.ts';
import { gfnOfEntry, type ShadowPage } from './shadow-page.ts';
import { mmuSpteUpdate } from './spte-update.ts';
import { isUnsyncRoot } from './unsync.ts';
import { clearParents, dropSpte, unsyncBelow } from './zap-page.ts';

/** The guest flushes its TLB. Inside kvm->srcu, without mmu_lock. @kernel kvm_mmu_sync_roots arch/x86/kvm/mmu/mmu.c */
export function* syncRoots(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  const { root } = guestMmuOf(vcpu);
  if (root === null || root.direct === 1) return;
  if (!(yield* isUnsyncRoot(root))) return;
  yield* kvmMmuLock(kvm);
  yield* syncChildren(kvm, guestMemory(vcpu, yield* vcpuMemslots(vcpu)), root);
  yield* kvmMmuUnlock(kvm);
}

/** Every page below this one. @kernel mmu_sync_children arch/x86/kvm/mmu/mmu.c */
export function* syncChildren(kvm: Kvm, memory: GuestMemory, parent: ShadowPage): Task {
  let flush = false;
  for (;;) {
    const found = yield* unsyncBelow(kvm, parent);
    if (found.length === 0) break;
    let protectedSome = false;
    protect_before_sync: for (const { page } of found) {
      protectedSome = (yield* rmapWriteProtect(kvm, page.gfn, true)) || protectedSome;
    }
    // Another vCPU may still write the table through its TLB, after it has been read.
    flush_before_sync: if (protectedSome) yield* flushRemoteTlbs(kvm);
    for (const { page, path } of found) {
      yield* page.unsync.writeOnce(0);
      flush = (yield* syncPage(kvm, memory, page)) || flush;
      yield* clearParents(path);
    }
  }
  flush_synced: if (flush) yield* flushRemoteTlbs(kvm);
}

/** Entries that are there become what the table says now; none is added. Returns whether TLBs have to be flushed. @kernel FNAME(sync_page) arch/x86/kvm/mmu/paging_tmpl.h */
export function* syncPage(kvm: Kvm, memory: GuestMemory, page: ShadowPage): Task<boolean> {
  let flush = false;
  for (let index = 0; index < entriesOf(kvm); index++) {
    flush = (yield* syncEntry(kvm, memory, page, index)) || flush;
  }
  return flush;
}

function* syncEntry(kvm: Kvm, memory: GuestMemory, page: ShadowPage, index: number): Task<boolean> {
  const sptep = page.spt.at(index);
  const spte = yield* sptep.readOnce();
  const format = formatOf(kvm);
  if (!isShadowPresent(format, spte)) return false;
  const gpte = yield* readGpte(memory, page.gfn, index);
  // Without A the hardware would have to set it: that is for the next fault.
  const usable = gpte !== null && (gpte & PT_PRESENT) !== 0n && (gpte & PT_ACCESSED) !== 0n;
  const gfn = usable ? gpteGfn(gpte) : (-1 as Gfn);
  if (!usable || gfn !== gfnOfEntry(kvm, page, index)) {
    yield* dropSpte(kvm, { page, sptep, index });
    return yield* flushLater(kvm);
  }
  const slot = yield* slotOfGfn(memory, gfn);
  if (slot === null) {
    yield* dropSpte(kvm, { page, sptep, index });
    return true;
  }
  const access = protectCleanGpte(page.access & gpteAccess(gpte & ~PT_LARGE), gpte);
  const made = yield* makeShadowSpte(memory.vcpu, {
    slot,
    gfn,
    pfn: pfnOf(spte),
    access,
    hostWritable: (spte & format.hostWritable) !== 0n,
    old: spte,
    prefetch: true,
    canUnsync: false,
  });
  return yield* mmuSpteUpdate(kvm, sptep, made.spte);
}

/**
 * The guest, which has changed its entry, flushes for itself. But the host finds nothing in the reverse map from here on
 * and would not flush when it takes the frame away.
 */
function* flushLater(kvm: Kvm): Task<boolean> {
  const mmu = shadowOf(kvm);
  if (mmu.postponesFlushes === 0) return true;
  count_postponed_flush: yield* mmu.tlbsDirty.fetchAdd(1);
  return false;
}
