/**
 * @area mmu
 *
 * Roots of the TDP MMU. A vCPU finds one by its role (here: the address space), never an invalid one, and holds a
 * reference while it walks from there. One reference is the MMU's own: it is put after the root was invalidated and zapped,
 * so a valid root never goes away.
 */
import { at, bugOn, type Task } from '@faultline/machine';
import { emptyTlb } from '../hw/tlb.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { allocMmuPage, type MmuPage } from './mmu-page.ts';
import { callRcu } from './tdp-free.ts';
import { entriesOf } from './tdp-geometry.ts';

/**
 * Gives the vCPU a root: a valid one of its role, or a new one. Whatever the hardware remembers of another root is forgotten.
 *
 * @kernel kvm_mmu_load, kvm_tdp_mmu_get_vcpu_root_hpa arch/x86/kvm/mmu/mmu.c
 */
export function* mmuLoad(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  yield* kvm.mmuLock.writeLock();
  vcpu.root = (yield* findRoot(kvm, asIdOf(vcpu))) ?? (yield* addRoot(kvm, asIdOf(vcpu)));
  yield* kvm.mmuLock.writeUnlock();
  yield* vcpu.tlb.lock.lock();
  flush_new_root: emptyTlb(vcpu.tlb);
  yield* vcpu.tlb.lock.unlock();
}

/** Before the guest is entered, if somebody asked for it: the vCPU has a root, and a valid one. @kernel kvm_mmu_free_obsolete_roots, kvm_mmu_reload arch/x86/kvm/mmu/mmu.c */
export function* mmuReload(vcpu: Vcpu): Task {
  const { root } = vcpu;
  if (root !== null && (yield* root.invalid.readOnce()) !== 0) yield* mmuUnload(vcpu);
  if (vcpu.root === null) yield* mmuLoad(vcpu);
}

/** Puts the vCPU's root. @kernel kvm_mmu_free_roots arch/x86/kvm/mmu/mmu.c */
export function* mmuUnload(vcpu: Vcpu): Task {
  const { root } = vcpu;
  if (root === null) return;
  const kvm = vcpu.kvm as Kvm;
  vcpu.root = null;
  yield* kvm.mmuLock.readLock();
  yield* putRoot(kvm, asIdOf(vcpu), root);
  yield* kvm.mmuLock.readUnlock();
}

/** The newest root of an address space, valid or not. Under mmu_lock. */
export function* firstRoot(kvm: Kvm, asId: number): Task<MmuPage | null> {
  return yield* kvm.tdpMmuRoots.at(asId).rcuDereference();
}

/** The root after this one. */
export function* olderRoot(root: MmuPage): Task<MmuPage | null> {
  return yield* root.link.rcuDereference();
}

/**
 * The root after `prev` with a reference, while that of `prev` is put: for walks that may drop mmu_lock. Without it a root
 * could be freed meanwhile, or leave the list, and its successors with it. @kernel tdp_mmu_next_root arch/x86/kvm/mmu/tdp_mmu.c
 */
export function* nextRootYieldSafe(kvm: Kvm, asId: number, prev: MmuPage | null): Task<MmuPage | null> {
  const rcu = yield* kvm.rcu.readLock();
  let next = prev === null ? yield* firstRoot(kvm, asId) : yield* olderRoot(prev);
  while (next !== null && !(yield* getRoot(next))) next = yield* olderRoot(next);
  yield* kvm.rcu.readUnlock(rcu);
  if (prev !== null) yield* putRoot(kvm, asId, prev);
  return next;
}

/** False if the last reference is gone already: such a root is on its way out. @kernel kvm_tdp_mmu_get_root arch/x86/kvm/mmu/tdp_mmu.h */
export function* getRoot(root: MmuPage): Task<boolean> {
  for (;;) {
    const count = yield* root.rootCount.readOnce();
    if (count === 0) return false;
    if ((yield* root.rootCount.cmpxchg(count, count + 1, at('mmu.get_root_cmpxchg'))) === count) return true;
  }
}

/** Under mmu_lock. @kernel kvm_tdp_mmu_put_root arch/x86/kvm/mmu/tdp_mmu.c */
export function* putRoot(kvm: Kvm, asId: number, root: MmuPage): Task {
  if ((yield* root.rootCount.fetchAdd(-1)) !== 1) return;
  bugOn((yield* root.invalid.readOnce()) === 0, 'the last reference to a valid root is put');
  yield* kvm.tdpMmuPagesLock.lock();
  yield* unlinkRoot(kvm, asId, root);
  yield* kvm.tdpMmuPagesLock.unlock();
  yield* callRcu(kvm, root);
}

/** Under mmu_lock held for write and slots_lock: no vCPU finds any of today's roots again. @kernel kvm_tdp_mmu_invalidate_all_roots arch/x86/kvm/mmu/tdp_mmu.c */
export function* invalidateAllRoots(kvm: Kvm): Task {
  for (let asId = 0; asId < kvm.config.addressSpaces; asId++) {
    for (let root = yield* firstRoot(kvm, asId); root !== null; root = yield* olderRoot(root)) {
      if ((yield* root.invalid.readOnce()) !== 0) continue;
      root.scheduledToZap = 1;
      yield* root.invalid.writeOnce(1);
    }
  }
}

/** The address space that this vCPU's accesses go to. */
function asIdOf(vcpu: Vcpu): number {
  return (vcpu.kvm as Kvm).config.addressSpaces > 1 ? vcpu.smm : 0;
}

/** Under mmu_lock held for write. */
function* findRoot(kvm: Kvm, asId: number): Task<MmuPage | null> {
  for (let root = yield* firstRoot(kvm, asId); root !== null; root = yield* olderRoot(root)) {
    let usable = true;
    never_reuse_invalid_root: usable = (yield* root.invalid.readOnce()) === 0;
    if (usable && (yield* getRoot(root))) return root;
  }
  return null;
}

/** Under mmu_lock held for write. Two references: the caller's and the MMU's own. */
function* addRoot(kvm: Kvm, asId: number): Task<MmuPage> {
  const root = allocMmuPage(entriesOf(kvm));
  yield* root.rootCount.writeOnce(2);
  yield* kvm.tdpMmuPagesLock.lock();
  yield* root.link.writeOnce(yield* firstRoot(kvm, asId));
  yield* kvm.tdpMmuRoots.at(asId).assign(root);
  kvm.roots.set(asId, root);
  yield* kvm.tdpMmuPagesLock.unlock();
  return root;
}

/** Readers inside RCU that stand on it go on to its successor. */
export function* unlinkRoot(kvm: Kvm, asId: number, root: MmuPage): Task {
  let link = kvm.tdpMmuRoots.at(asId);
  for (;;) {
    const next = yield* link.rcuDereference();
    bugOn(next === null, 'a root is not in the list of its address space');
    if (next === root) break;
    link = (next as MmuPage).link;
  }
  yield* link.assign(yield* olderRoot(root));
  if (kvm.roots.get(asId) === root) kvm.roots.set(asId, null);
}
