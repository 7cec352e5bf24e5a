/**
 * @area arm64
 *
 * The same as of 6.1: mmu_lock is a rwlock, the tables are one object, and who frees them takes it away under the lock and destroys it
 * outside. So a walk over a range, which may sleep between two chunks, asks for the object again before each of them.
 *
 * A vCPU that only needs a permission changed takes the lock for reading, together with others.
 */
import { type RwLock, rwlock, type StructType, struct, type Task, type View } from '@faultline/machine';
import { EAGAIN, EINVAL } from '../errno.ts';
import type { Gfn, Pfn } from '../types.ts';
import { findLeaf } from './stage2-age.ts';
import { childOf, entryOf, isTable, leafEntry, PTE, S2AP_W, Stage2Table, spanOf } from './stage2-table.ts';
import { stage2SetPte } from './stage2-walk.ts';
import type { ArmKvm } from './state.ts';

/** mmu_lock, as it is since 5.12. */
export interface ArmMmu extends View {
  readonly mmuRwlock: RwLock;
}
export const ArmMmu: StructType<ArmMmu> = struct('arm_mmu', { mmuRwlock: rwlock }, { as: 'mmu' });

/** @kernel kvm_free_stage2_pgd arch/arm64/kvm/mmu.c */
export function* freeStage2Pgt(kvm: ArmKvm, mmu: ArmMmu): Task {
  yield* mmu.mmuRwlock.writeLock();
  const pgt = yield* kvm.pgd.readOnce();
  yield* kvm.pgd.writeOnce(null);
  yield* mmu.mmuRwlock.writeUnlock();
  if (pgt !== null) yield* destroyTable(kvm, pgt, kvm.levels - 1);
}

/** Nobody finds it any more. @kernel kvm_pgtable_stage2_destroy arch/arm64/kvm/hyp/pgtable.c */
function* destroyTable(kvm: ArmKvm, table: Stage2Table, level: number): Task {
  for (let i = 0; i < 1 << kvm.indexBits; i++) {
    const entry = yield* entryOf(table, level, i).readOnce();
    if (isTable(entry, level)) yield* destroyTable(kvm, childOf(entry), level - 1);
  }
  Stage2Table.free(table);
}

/** Takes W from [start, end), one entry of the top at a time; -EINVAL if the tables go meanwhile. @kernel stage2_apply_range arch/arm64/kvm/mmu.c */
export function* wpStage2Chunks(kvm: ArmKvm, mmu: ArmMmu, start: Gfn, end: Gfn): Task<number> {
  const span = spanOf(kvm.levels - 1, kvm.indexBits);
  yield* mmu.mmuRwlock.writeLock();
  for (let from = start; from < end; from = (from - (from % span) + span) as Gfn) {
    const pgt = yield* kvm.pgd.readOnce();
    if (pgt === null) {
      yield* mmu.mmuRwlock.writeUnlock();
      return -EINVAL;
    }
    yield* protectChunk(kvm, pgt, kvm.levels - 1, from / span);
    // cond_resched_rwlock_write()
    yield* mmu.mmuRwlock.writeUnlock();
    yield* mmu.mmuRwlock.writeLock();
  }
  yield* mmu.mmuRwlock.writeUnlock();
  return 0;
}

/** One entry, and what lies below. */
export function* protectChunk(kvm: ArmKvm, table: Stage2Table, level: number, index: number): Task {
  const entryp = entryOf(table, level, Math.floor(index));
  const entry = yield* entryp.readOnce();
  if (isTable(entry, level)) {
    for (let i = 0; i < 1 << kvm.indexBits; i++) yield* protectChunk(kvm, childOf(entry), level - 1, i);
  } else if ((entry & S2AP_W) !== 0n) {
    yield* entryp.fetchAnd(~S2AP_W & 0xffff_ffff_ffff_ffffn);
  }
}

/** A write to a page that is mapped read-only; -EAGAIN if it is mapped no more. @kernel kvm_pgtable_stage2_relax_perms arch/arm64/kvm/hyp/pgtable.c */
export function* relaxPerms(kvm: ArmKvm, mmu: ArmMmu, gfn: Gfn, _pfn: Pfn): Task<number> {
  yield* mmu.mmuRwlock.readLock();
  const leaf = yield* findLeaf(kvm, gfn);
  if (leaf !== null) yield* leaf.fetchOr(S2AP_W);
  yield* mmu.mmuRwlock.readUnlock();
  return leaf === null ? -EAGAIN : 0;
}

/** What is mapped anew is mapped by one at a time. @kernel user_mem_abort arch/arm64/kvm/mmu.c */
export function* mapExclusively(kvm: ArmKvm, mmu: ArmMmu, gfn: Gfn, pfn: Pfn): Task {
  yield* mmu.mmuRwlock.writeLock();
  yield* mapPage(kvm, gfn, pfn);
  yield* mmu.mmuRwlock.writeUnlock();
}

/** @kernel kvm_pgtable_stage2_map arch/arm64/kvm/hyp/pgtable.c */
export function* mapPage(kvm: ArmKvm, gfn: Gfn, pfn: Pfn): Task {
  yield* stage2SetPte(kvm, gfn, leafEntry(pfn, PTE, true), { grow: true });
}
