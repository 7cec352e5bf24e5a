/**
 * @area xen
 *
 * Caches of guest pages that KVM itself reads and writes: gpa to frame, good until the memslots change or the host takes
 * the frame. A user checks the cache with gpc->lock held for read, and keeps it for as long as it touches the page. The
 * host cannot take the frame meanwhile: its notifier needs gpc->lock for write to say that the cache is no longer valid.
 */
import { smpRmb, type Task } from '@faultline/machine';
import { EFAULT, EINVAL } from '../errno.ts';
import { hvaToPfnPinned } from '../host/gup.ts';
import { type MmStruct, type Page, putPage } from '../host/mm.ts';
import { type Gpa, gfnOf, type Hva, type Pfn } from '../types.ts';
import type { Kvm } from './kvm.ts';
import { hvaOf, KVM_MEMSLOT_INVALID, type Memslots } from './memslots.ts';
import { searchMemslots } from './memslots-search.ts';
import { type GfnToPfnCache, KVM_HVA_ERR_BAD, type PfnCaches } from './pfncache-state.ts';

/**
 * Whether the cache may be used now. Under gpc->lock, inside kvm->srcu.
 *
 * @kernel kvm_gpc_check virt/kvm/pfncache.c
 */
export function* gpcCheck(kvm: Kvm, gpc: GfnToPfnCache): Task<boolean> {
  if (gpc.active === 0 || gpc.uhva === KVM_HVA_ERR_BAD) return false;
  const generation = yield* currentGeneration(kvm);
  check_generation: if (gpc.generation !== generation) return false;
  return gpc.valid === 1;
}

/** The page behind a cache that has been checked. Under gpc->lock. */
export function gpcPage(kvm: Kvm, gpc: GfnToPfnCache): Page {
  return (kvm.mmStruct as MmStruct).page.at(gpc.pfn);
}

/**
 * Makes the cache usable again, for the page at `gpa`. Sleeps. Inside kvm->srcu. Returns 0, -EINVAL for a cache that is
 * not active, or -EFAULT if nothing backs the page.
 *
 * @kernel kvm_gpc_refresh virt/kvm/pfncache.c
 */
export function* gpcRefresh(kvm: Kvm, gpc: GfnToPfnCache, gpa: Gpa): Task<number> {
  serialize_refreshers: yield* gpc.refreshLock.lock();
  yield* gpc.lock.writeLock();
  const result = gpc.active === 0 ? -EINVAL : yield* refresh(kvm, gpc, gpa);
  yield* gpc.lock.writeUnlock();
  serialize_refreshers: yield* gpc.refreshLock.unlock();
  return result;
}

/** The same for the page that it stands for now. */
export function* gpcRefreshSame(kvm: Kvm, gpc: GfnToPfnCache): Task<number> {
  yield* gpc.lock.readLock();
  const { gpa } = gpc;
  yield* gpc.lock.readUnlock();
  return yield* gpcRefresh(kvm, gpc, gpa);
}

/** Starts the cache, or points it at another page. Inside kvm->srcu. @kernel kvm_gpc_activate virt/kvm/pfncache.c */
export function* gpcActivate(kvm: Kvm, gpc: GfnToPfnCache, gpa: Gpa): Task<number> {
  yield* startGpc(kvm, gpc);
  return yield* gpcRefresh(kvm, gpc, gpa);
}

export function* startGpc(kvm: Kvm, gpc: GfnToPfnCache): Task {
  yield* gpc.lock.readLock();
  const active = gpc.active === 1;
  yield* gpc.lock.readUnlock();
  if (active) return;
  // On the list first: from the moment it is active somebody may refresh it, and then the notifier has to find it.
  yield* listGpc(kvm, gpc);
  yield* setActive(gpc, 1);
}

export function* listGpc(kvm: Kvm, gpc: GfnToPfnCache): Task {
  const caches = kvm.pfnCaches as PfnCaches;
  yield* caches.gpcLock.lock();
  gpc.next = caches.gpcList;
  caches.gpcList = gpc;
  yield* caches.gpcLock.unlock();
}

export function* setActive(gpc: GfnToPfnCache, active: number): Task {
  yield* gpc.lock.writeLock();
  gpc.active = active;
  if (active === 0) gpc.valid = 0;
  yield* gpc.lock.writeUnlock();
}

/** Ends the cache. @kernel kvm_gpc_deactivate virt/kvm/pfncache.c */
export function* gpcDeactivate(kvm: Kvm, gpc: GfnToPfnCache): Task {
  const caches = kvm.pfnCaches as PfnCaches;
  yield* gpc.refreshLock.lock();
  // Not active first: a refresh may not make it valid once the notifier cannot find it.
  yield* setActive(gpc, 0);
  end_cache_holds_gpc_lock: yield* caches.gpcLock.lock();
  if (caches.gpcList === gpc) caches.gpcList = gpc.next;
  for (let g = caches.gpcList; g !== null; g = g.next) if (g.next === gpc) g.next = gpc.next;
  end_cache_holds_gpc_lock: yield* caches.gpcLock.unlock();
  yield* gpc.refreshLock.unlock();
}

/** Under refresh_lock, and gpc->lock held for write. */
export function* refresh(kvm: Kvm, gpc: GfnToPfnCache, gpa: Gpa): Task<number> {
  const oldUhva = gpc.uhva;
  const generation = yield* currentGeneration(kvm);
  if (gpc.gpa !== gpa || gpc.generation !== generation || gpc.uhva === KVM_HVA_ERR_BAD) {
    gpc.gpa = gpa;
    gpc.generation = generation;
    gpc.uhva = yield* gpaToHva(kvm, gpa);
  }
  if (gpc.uhva === KVM_HVA_ERR_BAD) {
    gpc.valid = 0;
    return -EFAULT;
  }
  // Another generation often means the same address.
  if (gpc.valid === 1 && gpc.uhva === oldUhva) return 0;
  return yield* hvaToPfnRetry(kvm, gpc);
}

/**
 * Asks the host for the frame, with gpc->lock dropped because that sleeps, until no invalidation was under way. Under
 * refresh_lock; gpc->lock is held for write again on return.
 *
 * @kernel hva_to_pfn_retry virt/kvm/pfncache.c
 */
export function* hvaToPfnRetry(kvm: Kvm, gpc: GfnToPfnCache): Task<number> {
  const mm = kvm.mmStruct as MmStruct;
  const { uhva } = gpc;
  // uhva is already that of the new page, pfn still that of the old one.
  invalid_while_unlocked: gpc.valid = 0;
  for (;;) {
    const seq = yield* kvm.mmuInvalidateSeq.readOnce();
    // Pairs with the order in which an end raises the sequence and then lowers the counts.
    yield* smpRmb();
    yield* gpc.lock.writeUnlock();
    const gup = yield* hvaToPfnPinned(kvm, uhva, true);
    yield* gpc.lock.writeLock();
    if (gup === null) {
      gpc.valid = 0;
      return -EFAULT;
    }
    let retry = false;
    check_invalidation: retry = yield* invalidationSince(kvm, seq);
    if (!retry) {
      publish(gpc, gup.pfn);
      // The cache needs no reference: the notifier tells it.
      yield* putPage(mm, gup.pfn);
      return 0;
    }
    yield* gpc.lock.writeUnlock();
    yield* putPage(mm, gup.pfn);
    yield* kvm.mnActiveInvalidateCount.awaitEqual(0);
    yield* gpc.lock.writeLock();
  }
}

function publish(gpc: GfnToPfnCache, pfn: Pfn): void {
  gpc.pfn = pfn;
  gpc.valid = 1;
}

/**
 * Whether the frame may be gone. The count is raised before a notifier looks at the caches; the one that mmu_lock guards
 * is raised after that, too late for us.
 *
 * @kernel mmu_notifier_retry_cache virt/kvm/pfncache.c
 */
export function* invalidationSince(kvm: Kvm, seq: number): Task<boolean> {
  if ((yield* kvm.mnActiveInvalidateCount.readOnce()) !== 0) return true;
  yield* smpRmb();
  return (yield* kvm.mmuInvalidateSeq.readOnce()) !== seq;
}

/** @kernel gfn_to_hva virt/kvm/kvm_main.c */
function* gpaToHva(kvm: Kvm, gpa: Gpa): Task<Hva> {
  const slots = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  const slot = yield* searchMemslots(slots, gfnOf(gpa));
  if (slot === null || (slot.flags & KVM_MEMSLOT_INVALID) !== 0) return KVM_HVA_ERR_BAD;
  return hvaOf(slot, gfnOf(gpa));
}

function* currentGeneration(kvm: Kvm): Task<number> {
  const slots = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  return yield* slots.generation.readOnce();
}
