/** The tables are freed, and then pgd says so. */
import type { Task } from '@faultline/machine';
import { Stage2Table, spanOf } from '../src/arm64/stage2-table.ts';
import { unmapStage2Range } from '../src/arm64/stage2-unmap.ts';
import type { ArmKvm } from '../src/arm64/state.ts';
import type { Gfn } from '../src/types.ts';

/** @replaces packages/kvm/src/arm64/stage2-pgd.ts#freeStage2Pgd 1dea87c3 */
export function* freeStage2Pgd(kvm: ArmKvm): Task {
  yield* kvm.mmuLock.lock();
  const pgd = yield* kvm.pgd.readOnce();
  if (pgd !== null) yield* unmapStage2Range(kvm, 0 as Gfn, spanOf(kvm.levels, kvm.indexBits) as Gfn);
  yield* kvm.mmuLock.unlock();
  if (pgd === null) return;
  Stage2Table.free(pgd);
  yield* kvm.pgd.writeOnce(null);
}
