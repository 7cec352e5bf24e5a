/**
 * @area xen
 *
 * The notifier's side of the caches in pfncache.ts.
 */
import type { Task } from '@faultline/machine';
import type { Hva } from '../types.ts';
import type { PfnCaches } from './pfncache-state.ts';

/**
 * Before the host changes [start, end): no cache of a page in it is valid when this returns, and nobody uses one.
 *
 * @kernel gfn_to_pfn_cache_invalidate_start virt/kvm/pfncache.c
 */
export function* gpcInvalidateStart(caches: PfnCaches, start: Hva, end: Hva): Task {
  yield* caches.gpcLock.lock();
  for (let gpc = caches.gpcList; gpc !== null; gpc = gpc.next) {
    yield* gpc.lock.writeLock();
    if (gpc.valid === 1 && gpc.uhva >= start && gpc.uhva < end) {
      invalidate_cache: gpc.valid = 0;
    }
    yield* gpc.lock.writeUnlock();
  }
  yield* caches.gpcLock.unlock();
}
