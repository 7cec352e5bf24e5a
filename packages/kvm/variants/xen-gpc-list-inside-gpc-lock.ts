/** A cache leaves the list in the section of gpc->lock in which it ends. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import type { GfnToPfnCache, PfnCaches } from '../src/virt/pfncache-state.ts';

/** @replaces packages/kvm/src/virt/pfncache.ts#gpcDeactivate 9e944ae8 */
export function* gpcDeactivate(kvm: Kvm, gpc: GfnToPfnCache): Task {
  const caches = kvm.pfnCaches as PfnCaches;
  yield* gpc.refreshLock.lock();
  yield* gpc.lock.writeLock();
  gpc.active = 0;
  gpc.valid = 0;
  yield* caches.gpcLock.lock();
  if (caches.gpcList === gpc) caches.gpcList = gpc.next;
  for (let g = caches.gpcList; g !== null; g = g.next) if (g.next === gpc) g.next = gpc.next;
  yield* caches.gpcLock.unlock();
  yield* gpc.lock.writeUnlock();
  yield* gpc.refreshLock.unlock();
}
