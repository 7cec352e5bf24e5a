/** A refresh takes gpc->lock first and refresh_lock inside, which serializes it just as well. */
import type { Task } from '@faultline/machine';
import { EINVAL } from '../src/errno.ts';
import type { Gpa } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { refresh } from '../src/virt/pfncache.ts';
import type { GfnToPfnCache } from '../src/virt/pfncache-state.ts';

/** @replaces packages/kvm/src/virt/pfncache.ts#gpcRefresh bd2c11e0 */
export function* gpcRefresh(kvm: Kvm, gpc: GfnToPfnCache, gpa: Gpa): Task<number> {
  yield* gpc.lock.writeLock();
  yield* gpc.refreshLock.lock();
  const result = gpc.active === 0 ? -EINVAL : yield* refresh(kvm, gpc, gpa);
  yield* gpc.refreshLock.unlock();
  yield* gpc.lock.writeUnlock();
  return result;
}
