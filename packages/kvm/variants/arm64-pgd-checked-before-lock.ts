/** Aging looks at pgd before it takes mmu_lock. */
import type { Task } from '@faultline/machine';
import { ageHvaHandler, gfnsOf } from '../src/arm64/stage2-age.ts';
import { flushVmid } from '../src/arm64/stage2-flush.ts';
import type { ArmKvm, ArmSlots } from '../src/arm64/state.ts';

/** @replaces packages/kvm/src/arm64/stage2-age.ts#clearFlushYoung 1a74173c */
export function* clearFlushYoung(kvm: ArmKvm, page: number): Task<boolean> {
  if ((yield* kvm.pgd.readOnce()) === null) return false;
  const idx = yield* kvm.srcu.readLock();
  yield* kvm.mmuLock.lock();
  let young = false;
  for (const gfn of gfnsOf((yield* kvm.slots.rcuDereference()) as ArmSlots, page, page + 1)) {
    young = (yield* ageHvaHandler(kvm, gfn)) || young;
  }
  if (young) yield* flushVmid(kvm);
  yield* kvm.mmuLock.unlock();
  yield* kvm.srcu.readUnlock(idx);
  return young;
}
