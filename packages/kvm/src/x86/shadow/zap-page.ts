/**
 * @area shadow
 *
 * Taking shadow pages out of use, under mmu_lock. Preparing unlinks a page, so that no new walk finds it, and puts it on
 * a list; committing waits until no vCPU walks it any more, by a flush of all TLBs, and frees what is on the list.
 */
import { bugOn, type Cell, type Task } from '@faultline/machine';
import type { Kvm } from '../../virt/kvm.ts';
import { flushRemoteTlbs } from '../flush.ts';
import { requestFreeObsoleteRoots } from '../obsolete-roots.ts';
import { isLast, isShadowPresent } from '../spte-predicates.ts';
import { entriesOf } from '../tdp-geometry.ts';
import { formatOf } from '../tdp-spte.ts';
import { type Entry, parentsOf, pteList, pteListRemove, rmapOf } from './rmap.ts';
import { shadowOf } from './shadow-mmu.ts';
import { freeShadowPage, gfnOfEntry, type ShadowPage, shadowChild } from './shadow-page.ts';
import { mmuSpteClearTrackBits } from './spte-update.ts';
import { clearUnsyncChild, isObsolete } from './unsync.ts';
import { unaccountShadowed } from './write-track.ts';

/** Pages that are to be freed. */
export type InvalidList = ShadowPage[];

/** @kernel __kvm_mmu_prepare_zap_page arch/x86/kvm/mmu/mmu.c */
export function* prepareZapPage(kvm: Kvm, page: ShadowPage, list: InvalidList): Task {
  yield* zapUnsyncChildren(kvm, page, list);
  yield* unlinkChildren(kvm, page);
  yield* unlinkParents(kvm, page);
  const wasInvalid = (yield* page.invalid.readOnce()) !== 0;
  if (!wasInvalid && page.direct === 0) yield* unaccountShadowed(kvm, page);
  if ((yield* page.unsync.readOnce()) !== 0) yield* page.unsync.writeOnce(0);
  // An invalid root left the VM's list when it became invalid.
  if (!wasInvalid) removeActive(kvm, page);
  let zappedRoot = false;
  if (page.rootCount === 0) list.push(page);
  else zappedRoot = !(yield* isObsolete(kvm, page));
  invalidate_before_request: yield* page.invalid.writeOnce(1);
  // After that: a vCPU that served the request before would keep its root.
  if (zappedRoot) yield* requestFreeObsoleteRoots(kvm);
}

/** Frees the pages of the list. @kernel kvm_mmu_commit_zap_page arch/x86/kvm/mmu/mmu.c */
export function* commitZapPages(kvm: Kvm, list: InvalidList): Task {
  if (list.length === 0) return;
  // Whoever walks without mmu_lock, the hardware or the fast path, is done when this returns.
  flush_before_free: yield* flushRemoteTlbs(kvm);
  for (const page of list) freeShadowPage(page);
  list.length = 0;
}

/** The flush of a commit is as good as one. @kernel kvm_mmu_remote_flush_or_zap arch/x86/kvm/mmu/mmu.c */
export function* remoteFlushOrZap(kvm: Kvm, list: InvalidList, flush: boolean): Task {
  if (list.length > 0) yield* commitZapPages(kvm, list);
  else if (flush) yield* flushRemoteTlbs(kvm);
}

/** Empties an entry; a page below it stays, unless nothing else leads there and it is zapped for that. Returns what stood there. @kernel mmu_page_zap_pte arch/x86/kvm/mmu/mmu.c */
export function* zapEntry(kvm: Kvm, entry: Entry): Task<bigint> {
  const spte = yield* entry.sptep.readOnce();
  if (!isShadowPresent(formatOf(kvm), spte)) return spte;
  if (isLast(spte, entry.page.level)) return yield* dropSpte(kvm, entry);
  yield* dropParent(shadowChild(spte), entry.sptep);
  return spte;
}

/** A leaf goes, and the reverse map forgets it. Returns what stood there. @kernel drop_spte arch/x86/kvm/mmu/mmu.c */
export function* dropSpte(kvm: Kvm, { page, sptep, index }: Entry): Task<bigint> {
  const old = yield* mmuSpteClearTrackBits(kvm, sptep);
  if (isShadowPresent(formatOf(kvm), old)) pteListRemove(rmapOf(kvm, gfnOfEntry(kvm, page, index)), sptep);
  return old;
}

/** An entry leads to this page no more. @kernel drop_parent_pte arch/x86/kvm/mmu/mmu.c */
export function* dropParent(page: ShadowPage, sptep: Cell<bigint>): Task {
  pteListRemove(parentsOf(page), sptep);
  yield* sptep.writeOnce(0n);
}

/** Oldest last. @kernel kvm->arch.active_mmu_pages */
export function activePages(kvm: Kvm): ShadowPage[] {
  const pages: ShadowPage[] = [];
  for (let page = shadowOf(kvm).activeMmuPages; page !== null; page = page.link) pages.push(page);
  return pages;
}

/** Nobody would look at them again. @kernel mmu_zap_unsync_children arch/x86/kvm/mmu/mmu.c */
function* zapUnsyncChildren(kvm: Kvm, parent: ShadowPage, list: InvalidList): Task {
  if (parent.level === 1) return;
  const found = yield* unsyncBelow(kvm, parent);
  for (const { page, path } of found) {
    yield* prepareZapPage(kvm, page, list);
    yield* clearParents(path);
  }
}

/** An unsync page, and the entries that lead to it from the page where the search began, the lowest first. */
export interface UnsyncFound {
  readonly page: ShadowPage;
  readonly path: readonly Pick<Entry, 'page' | 'index'>[];
}

/** Each page once, however many entries lead to it. @kernel mmu_unsync_walk arch/x86/kvm/mmu/mmu.c */
export function* unsyncBelow(kvm: Kvm, parent: ShadowPage): Task<UnsyncFound[]> {
  const found: UnsyncFound[] = [];
  const isNew = (page: ShadowPage) => !found.some((other) => other.page === page);
  const bits = yield* parent.unsyncChildBitmap.readOnce();
  for (let index = 0; index < entriesOf(kvm); index++) {
    if ((bits & (1 << index)) === 0) continue;
    const here = { page: parent, index };
    const spte = yield* parent.spt.at(index).readOnce();
    const leads = isShadowPresent(formatOf(kvm), spte) && !isLast(spte, parent.level);
    if (!leads) {
      yield* clearUnsyncChild(parent, index);
      continue;
    }
    const child = shadowChild(spte);
    if ((yield* child.unsyncChildren.readOnce()) !== 0) {
      const below = yield* unsyncBelow(kvm, child);
      for (const { page, path } of below) if (isNew(page)) found.push({ page, path: [...path, here] });
    } else if ((yield* child.unsync.readOnce()) === 0) yield* clearUnsyncChild(parent, index);
    else if (isNew(child)) found.push({ page: child, path: [here] });
  }
  return found;
}

/** One below is in step again: so are those above of which it was the last. @kernel mmu_pages_clear_parents arch/x86/kvm/mmu/mmu.c */
export function* clearParents(path: UnsyncFound['path']): Task {
  for (const { page, index } of path) {
    yield* clearUnsyncChild(page, index);
    if ((yield* page.unsyncChildren.readOnce()) !== 0) return;
  }
}

/** @kernel kvm_mmu_page_unlink_children arch/x86/kvm/mmu/mmu.c */
function* unlinkChildren(kvm: Kvm, page: ShadowPage): Task {
  for (let index = 0; index < entriesOf(kvm); index++) {
    yield* zapEntry(kvm, { page, sptep: page.spt.at(index), index });
  }
}

/** @kernel kvm_mmu_unlink_parents arch/x86/kvm/mmu/mmu.c */
function* unlinkParents(kvm: Kvm, page: ShadowPage): Task {
  const parents = pteList(kvm, parentsOf(page));
  for (const { sptep } of parents) yield* dropParent(page, sptep);
}

/** @kernel kvm_unaccount_mmu_page arch/x86/kvm/mmu/mmu.c */
function removeActive(kvm: Kvm, page: ShadowPage): void {
  const mmu = shadowOf(kvm);
  mmu.nUsedMmuPages--;
  if (mmu.activeMmuPages === page) {
    mmu.activeMmuPages = page.link;
    return;
  }
  let before = mmu.activeMmuPages as ShadowPage;
  while (before.link !== page) {
    bugOn(before.link === null, 'a shadow page is not in the list of its VM');
    before = before.link as ShadowPage;
  }
  before.link = page.link;
}
