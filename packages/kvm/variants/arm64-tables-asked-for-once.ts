/** A walk in chunks asks for the tables once, before the first of them. */
import type { Task } from '@faultline/machine';
import { type ArmMmu, protectChunk } from '../src/arm64/pgtable.ts';
import { spanOf } from '../src/arm64/stage2-table.ts';
import type { ArmKvm } from '../src/arm64/state.ts';
import { EINVAL } from '../src/errno.ts';
import type { Gfn } from '../src/types.ts';

/** @replaces packages/kvm/src/arm64/pgtable.ts#wpStage2Chunks 4c7ebba2 */
export function* wpStage2Chunks(kvm: ArmKvm, mmu: ArmMmu, start: Gfn, end: Gfn): Task<number> {
  const span = spanOf(kvm.levels - 1, kvm.indexBits);
  yield* mmu.mmuRwlock.writeLock();
  const pgt = yield* kvm.pgd.readOnce();
  for (let from = start; pgt !== null && from < end; from = (from - (from % span) + span) as Gfn) {
    yield* protectChunk(kvm, pgt, kvm.levels - 1, from / span);
    yield* mmu.mmuRwlock.writeUnlock();
    yield* mmu.mmuRwlock.writeLock();
  }
  yield* mmu.mmuRwlock.writeUnlock();
  return pgt === null ? -EINVAL : 0;
}
