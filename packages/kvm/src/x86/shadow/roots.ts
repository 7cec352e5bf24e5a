/**
 * @area shadow
 *
 * The root of a vCPU: the page that mirrors the table that CR3 names. What the guest does to its TLB ends here too.
 */
import type { Task } from '@faultline/machine';
import { emptyTlb, tlbEntry } from '../../hw/tlb.ts';
import type { Gfn } from '../../types.ts';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import { kvmMmuLock, kvmMmuUnlock } from '../../virt/mmu-lock.ts';
import { vcpuMemslots } from '../../virt/vcpu-memslots.ts';
import { flushRemoteTlbs } from '../flush.ts';
import { isLast, isShadowPresent } from '../spte-predicates.ts';
import { formatOf } from '../tdp-spte.ts';
import { getShadowPage } from './get-page.ts';
import { ACC_ALL, guestIndex, guestMemory } from './guest-tables.ts';
import { guestMmuOf } from './shadow-mmu.ts';
import { type ShadowPage, shadowChild } from './shadow-page.ts';
import { syncRoots } from './sync.ts';
import { isObsolete } from './unsync.ts';
import { makeMmuPagesAvailable } from './zap-all.ts';
import { commitZapPages, dropSpte, type InvalidList, prepareZapPage } from './zap-page.ts';

/** Gives the vCPU a root. Without locks. @kernel kvm_mmu_load arch/x86/kvm/mmu/mmu.c */
export function* shadowLoad(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  const mmu = guestMmuOf(vcpu);
  const idx = yield* kvm.srcu.readLock();
  const memory = guestMemory(vcpu, yield* vcpuMemslots(vcpu));
  const role = { level: kvm.config.tdpLevels, direct: mmu.paging === 0, access: ACC_ALL };
  yield* kvmMmuLock(kvm);
  yield* makeMmuPagesAvailable(kvm);
  const root = yield* getShadowPage(kvm, memory, mmu.paging === 0 ? (0 as Gfn) : mmu.cr3, role);
  root.rootCount++;
  mmu.root = root;
  yield* kvmMmuUnlock(kvm);
  sync_new_root: yield* syncRoots(vcpu);
  yield* flushTlbCurrent(vcpu);
  yield* kvm.srcu.readUnlock(idx);
}

/** Puts the vCPU's root; the last user of an invalid one frees it. @kernel kvm_mmu_free_roots, mmu_free_root_page arch/x86/kvm/mmu/mmu.c */
export function* shadowUnload(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  const mmu = guestMmuOf(vcpu);
  const { root } = mmu;
  if (root === null) return;
  mmu.root = null;
  const list: InvalidList = [];
  yield* kvmMmuLock(kvm);
  root.rootCount--;
  if (root.rootCount === 0 && (yield* root.invalid.readOnce()) !== 0) yield* prepareZapPage(kvm, root, list);
  yield* commitZapPages(kvm, list);
  yield* kvmMmuUnlock(kvm);
}

/** Somebody asked for it: the vCPU has a root of today. @kernel kvm_mmu_free_obsolete_roots arch/x86/kvm/mmu/mmu.c */
export function* shadowReload(vcpu: Vcpu): Task {
  const { root } = guestMmuOf(vcpu);
  if (root !== null && (yield* isObsolete(vcpu.kvm as Kvm, root))) yield* shadowUnload(vcpu);
  if (guestMmuOf(vcpu).root === null) yield* shadowLoad(vcpu);
}

/** The guest loads CR3, the same value to flush its TLB. @kernel kvm_set_cr3 arch/x86/kvm/x86.c */
export function* loadCr3(vcpu: Vcpu, cr3: Gfn): Task {
  const kvm = vcpu.kvm as Kvm;
  const mmu = guestMmuOf(vcpu);
  if (mmu.root !== null && mmu.cr3 === cr3) {
    const idx = yield* kvm.srcu.readLock();
    sync_on_flush: yield* syncRoots(vcpu);
    yield* flushTlbCurrent(vcpu);
    yield* kvm.srcu.readUnlock(idx);
    return;
  }
  mmu.cr3 = cr3;
  yield* shadowUnload(vcpu);
  yield* shadowLoad(vcpu);
}

/** The guest flushes one page of virtual memory. @kernel kvm_mmu_invlpg, FNAME(invlpg) arch/x86/kvm/mmu/paging_tmpl.h */
export function* invlpg(vcpu: Vcpu, page: number): Task {
  const kvm = vcpu.kvm as Kvm;
  const { root } = guestMmuOf(vcpu);
  yield* kvmMmuLock(kvm);
  if (root !== null) yield* zapUnsyncLeaf(kvm, root, page);
  yield* kvmMmuUnlock(kvm);
  yield* vcpu.tlb.lock.lock();
  vcpu.tlb.entries.set(tlbEntry(vcpu.tlb, page as Gfn), 0n);
  yield* vcpu.tlb.lock.unlock();
}

/** A page that is in step has the entry right; of one that is not, it is forgotten. */
function* zapUnsyncLeaf(kvm: Kvm, root: ShadowPage, virtual: number): Task {
  const format = formatOf(kvm);
  let page = root;
  for (let level = kvm.config.tdpLevels; ; level--) {
    const index = guestIndex(kvm, virtual, level);
    const sptep = page.spt.at(index);
    const spte = yield* sptep.readOnce();
    if (isLast(spte, level) || !isShadowPresent(format, spte)) {
      if ((yield* page.unsync.readOnce()) === 0 || !isShadowPresent(format, spte)) return;
      zap_unsync_on_invlpg: {
        yield* dropSpte(kvm, { page, sptep, index });
        yield* flushRemoteTlbs(kvm);
      }
      return;
    }
    if ((yield* page.unsyncChildren.readOnce()) === 0) return;
    page = shadowChild(spte);
  }
}

/** @kernel kvm_x86_flush_tlb_current arch/x86/kvm/x86.c */
function* flushTlbCurrent(vcpu: Vcpu): Task {
  yield* vcpu.tlb.lock.lock();
  emptyTlb(vcpu.tlb);
  yield* vcpu.tlb.lock.unlock();
}
