/** The notifier waits for a refresh that is under way to end before it says that the cache is no longer valid. */
import type { Task } from '@faultline/machine';
import type { Hva } from '../src/types.ts';
import type { PfnCaches } from '../src/virt/pfncache-state.ts';

/** @replaces packages/kvm/src/virt/pfncache-invalidate.ts#gpcInvalidateStart c3fc2e0f */
export function* gpcInvalidateStart(caches: PfnCaches, start: Hva, end: Hva): Task {
  yield* caches.gpcLock.lock();
  for (let gpc = caches.gpcList; gpc !== null; gpc = gpc.next) {
    yield* gpc.refreshLock.lock();
    yield* gpc.lock.writeLock();
    if (gpc.valid === 1 && gpc.uhva >= start && gpc.uhva < end) gpc.valid = 0;
    yield* gpc.lock.writeUnlock();
    yield* gpc.refreshLock.unlock();
  }
  yield* caches.gpcLock.unlock();
}
