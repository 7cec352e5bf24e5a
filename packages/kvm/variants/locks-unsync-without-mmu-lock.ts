/** mmu_lock is dropped while a page is marked unsync. */
import { smpWmb, type Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { shadowOf } from '../src/x86/shadow/shadow-mmu.ts';
import { indirectPagesOf, type UnsyncWish, unsyncPage } from '../src/x86/shadow/unsync.ts';

/** @replaces packages/kvm/src/x86/shadow/unsync.ts#mmuTryToUnsyncPages 16f86363 */
export function* mmuTryToUnsyncPages(kvm: Kvm, { gfn, canUnsync, prefetch }: UnsyncWish): Task<boolean> {
  const mmu = shadowOf(kvm);
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
      yield* kvm.mmuLock.writeUnlock();
      yield* mmu.mmuUnsyncPagesLock.lock();
      if ((yield* page.unsync.readOnce()) !== 0) continue;
    }
    yield* unsyncPage(kvm, page);
  }
  if (locked) {
    yield* mmu.mmuUnsyncPagesLock.unlock();
    yield* kvm.mmuLock.writeLock();
  }
  yield* smpWmb();
  return allowed;
}
