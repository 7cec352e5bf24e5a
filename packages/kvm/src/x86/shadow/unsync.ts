/**
 * @area shadow
 *
 * Tables of the last level may be written by the guest as it likes: their shadow is out of step ("unsync") until the guest
 * flushes its TLB, which is when hardware would look at them again. So an entry that makes such a table writable may stand
 * there only after the page says unsync, because the flush that the guest makes after its write looks at that alone, and
 * without mmu_lock.
 */
import { smpRmb, smpWmb, type Task } from '@faultline/machine';
import type { Gfn } from '../../types.ts';
import type { Kvm } from '../../virt/kvm.ts';
import { parentsOf, pteList } from './rmap.ts';
import { shadowOf } from './shadow-mmu.ts';
import type { ShadowPage } from './shadow-page.ts';

/** A frame that is to be writable. */
export interface UnsyncWish {
  readonly gfn: Gfn;
  /** A table of the last level may be let out of step, so that the guest can write it. */
  readonly canUnsync: boolean;
  /** Nobody asked for the page: it is mapped on the way. */
  readonly prefetch: boolean;
}

/** Whether the frame may be writable: it mirrors nothing, or what mirrors it is unsync now. Under mmu_lock, held for read at least. @kernel mmu_try_to_unsync_pages arch/x86/kvm/mmu/mmu.c */
export function* mmuTryToUnsyncPages(kvm: Kvm, { gfn, canUnsync, prefetch }: UnsyncWish): Task<boolean> {
  const mmu = shadowOf(kvm);
  // Of higher levels every write is trapped, for ever.
  if ((yield* mmu.frame.at(gfn).writeTracked.readOnce()) !== 0) return false;
  let locked = false;
  let allowed = true;
  const pages = yield* indirectPagesOf(kvm, gfn);
  for (const page of pages) {
    if (!canUnsync) allowed = false;
    if (!allowed || (yield* page.unsync.readOnce()) !== 0) continue;
    allowed = !prefetch;
    if (prefetch) continue;
    if (!locked) {
      locked = true;
      // Who maps guest frames directly has mmu_lock for read only: two may come here at once.
      lock_unsync_pages: yield* mmu.mmuUnsyncPagesLock.lock();
      if ((yield* page.unsync.readOnce()) !== 0) continue;
    }
    mark_unsync: yield* unsyncPage(kvm, page);
  }
  if (locked) {
    lock_unsync_pages: yield* mmu.mmuUnsyncPagesLock.unlock();
  }
  // Unsync is seen before the entry that lets the guest write. Pairs with the read barrier of isUnsyncRoot().
  order_unsync_before_spte: yield* smpWmb();
  return allowed;
}

/** Whether a table below has to be looked at again. Without mmu_lock. @kernel is_unsync_root arch/x86/kvm/mmu/mmu.c */
export function* isUnsyncRoot(root: ShadowPage): Task<boolean> {
  // The guest's write to its table, and so the entry that allowed it, come before. Pairs with mmuTryToUnsyncPages().
  order_exit_before_unsync: yield* smpRmb();
  if ((yield* root.unsync.readOnce()) !== 0) return true;
  return (yield* root.unsyncChildren.readOnce()) !== 0;
}

/** The pages that mirror this frame and are in use. Under mmu_lock. @kernel for_each_gfn_valid_sp_with_gptes arch/x86/kvm/mmu/mmu.c */
export function* indirectPagesOf(kvm: Kvm, gfn: Gfn): Task<ShadowPage[]> {
  const found: ShadowPage[] = [];
  for (let page = shadowOf(kvm).activeMmuPages; page !== null; page = page.link) {
    if (page.gfn === gfn && page.direct === 0 && !(yield* isObsolete(kvm, page))) found.push(page);
  }
  return found;
}

/** Whether it is on its way out. @kernel is_obsolete_sp arch/x86/kvm/mmu/mmu.c */
export function* isObsolete(kvm: Kvm, page: ShadowPage): Task<boolean> {
  if ((yield* page.invalid.readOnce()) !== 0) return true;
  return (yield* shadowOf(kvm).mmuValidGen.readOnce()) !== page.mmuValidGen;
}

/** @kernel kvm_unsync_page arch/x86/kvm/mmu/mmu.c */
export function* unsyncPage(kvm: Kvm, page: ShadowPage): Task {
  yield* page.unsync.writeOnce(1);
  yield* markParentsUnsync(kvm, page);
}

/** @kernel kvm_mmu_mark_parents_unsync arch/x86/kvm/mmu/mmu.c */
function* markParentsUnsync(kvm: Kvm, page: ShadowPage): Task {
  for (const parent of pteList(kvm, parentsOf(page))) yield* markUnsync(kvm, parent.page, parent.index);
}

/** Below this entry there is an unsync page. @kernel mark_unsync arch/x86/kvm/mmu/mmu.c */
export function* markUnsync(kvm: Kvm, page: ShadowPage, index: number): Task {
  const bits = yield* page.unsyncChildBitmap.readOnce();
  if ((bits & (1 << index)) !== 0) return;
  yield* page.unsyncChildBitmap.writeOnce(bits | (1 << index));
  const before = yield* page.unsyncChildren.readOnce();
  yield* page.unsyncChildren.writeOnce(before + 1);
  if (before === 0) yield* markParentsUnsync(kvm, page);
}

/** @kernel clear_unsync_child_bit arch/x86/kvm/mmu/mmu.c */
export function* clearUnsyncChild(page: ShadowPage, index: number): Task {
  const bits = yield* page.unsyncChildBitmap.readOnce();
  if ((bits & (1 << index)) === 0) return;
  yield* page.unsyncChildBitmap.writeOnce(bits & ~(1 << index));
  yield* page.unsyncChildren.writeOnce((yield* page.unsyncChildren.readOnce()) - 1);
}
