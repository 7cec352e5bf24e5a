/**
 * @area arm64
 *
 * The top of the tables: made with the VM, freed by the release notifier, which two things call: the end of the VM, and the end
 * of the address space that it was made in. Both may happen at once.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import { allocTable, Stage2Table, spanOf } from './stage2-table.ts';
import { unmapStage2Range } from './stage2-unmap.ts';
import type { ArmKvm } from './state.ts';

/** For set-up. @kernel kvm_alloc_stage2_pgd virt/kvm/arm/mmu.c */
export function allocStage2Pgd(kvm: ArmKvm): void {
  kvm.pgd.poke(allocTable(kvm.levels - 1, 1 << kvm.indexBits));
}

/** @kernel kvm_free_stage2_pgd virt/kvm/arm/mmu.c */
export function* freeStage2Pgd(kvm: ArmKvm): Task {
  let pgd: Stage2Table | null = null;
  lock_free: yield* kvm.mmuLock.lock();
  if ((yield* kvm.pgd.readOnce()) !== null) {
    yield* unmapStage2Range(kvm, 0 as Gfn, spanOf(kvm.levels, kvm.indexBits) as Gfn);
    // Not what it was before: the lock may have been dropped.
    pgd = yield* kvm.pgd.readOnce();
    hide_before_free: yield* kvm.pgd.writeOnce(null);
  }
  lock_free: yield* kvm.mmuLock.unlock();
  if (pgd !== null) Stage2Table.free(pgd);
}

/** @kernel kvm_arch_flush_shadow_all virt/kvm/arm/mmu.c */
export function* archFlushShadowAll(kvm: ArmKvm): Task {
  yield* freeStage2Pgd(kvm);
}
