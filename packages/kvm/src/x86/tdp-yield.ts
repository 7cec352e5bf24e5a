/**
 * @area mmu
 *
 * Walks that are long drop mmu_lock on the way when the scheduler or another CPU wants it. Whoever takes it then believes
 * that vCPUs use what the tables say, and may change any table.
 */
import { choose, type Task } from '@faultline/machine';
import { flushRemoteTlbs } from './flush.ts';
import type { TdpIter } from './tdp-iter.ts';

/**
 * Perhaps drops mmu_lock and takes it again; returns whether it did. The caller then goes on to iterNext() at once: the
 * entry at hand has been forgotten, and comes again. @kernel tdp_mmu_iter_cond_resched arch/x86/kvm/mmu/tdp_mmu.c
 */
export function* iterCondResched(iter: TdpIter, flush: boolean, shared: boolean): Task<boolean> {
  const { kvm } = iter;
  if (kvm.config.mmuYields === 0) return false;
  // Only after progress, or two walks could keep each other from it for ever.
  if (iter.nextLastLevelGfn === iter.yieldedGfn) return false;
  if ((yield* choose('need_resched', 2)) === 0) return false;
  flush_before_yield: if (flush) yield* flushRemoteTlbs(kvm);
  if (iter.rcu >= 0) yield* kvm.rcu.readUnlock(iter.rcu);
  if (shared) {
    yield* kvm.mmuLock.readUnlock();
    yield* kvm.mmuLock.readLock();
  } else {
    yield* kvm.mmuLock.writeUnlock();
    yield* kvm.mmuLock.writeLock();
  }
  if (iter.rcu >= 0) iter.rcu = yield* kvm.rcu.readLock();
  // From the root again: the tables on the way may be gone.
  restart_after_yield: iter.yielded = true;
  return true;
}
