/** A refresh looks at the count and the sequence of mmu_lock, under it: raised after the notifier has looked at the caches. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/pfncache.ts#invalidationSince 7258e532 */
export function* invalidationSince(kvm: Kvm, seq: number): Task<boolean> {
  yield* kvm.mmuLock.readLock();
  const stale = kvm.mmuInvalidateInProgress !== 0 || (yield* kvm.mmuInvalidateSeq.readOnce()) !== seq;
  yield* kvm.mmuLock.readUnlock();
  return stale;
}
