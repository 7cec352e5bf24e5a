/** The notifier takes gpc->lock as a task does whose locks no interrupt needs: write_lock() for write_lock_irq(). */
import type { Task } from '@faultline/machine';
import type { Hva } from '../src/types.ts';
import type { PfnCaches } from '../src/virt/pfncache-state.ts';

/** @replaces packages/kvm/src/virt/pfncache-invalidate.ts#gpcInvalidateStart c3fc2e0f */
export function* gpcInvalidateStart(caches: PfnCaches, start: Hva, end: Hva): Task {
  yield* caches.gpcLock.lock();
  for (let gpc = caches.gpcList; gpc !== null; gpc = gpc.next) {
    yield* gpc.lock.writeLockWithIrqsOn();
    if (gpc.valid === 1 && gpc.uhva >= start && gpc.uhva < end) gpc.valid = 0;
    yield* gpc.lock.writeUnlock();
  }
  yield* caches.gpcLock.unlock();
}
