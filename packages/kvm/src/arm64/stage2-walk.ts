/**
 * @area arm64
 *
 * From kvm->arch.pgd down to an entry, under mmu_lock. Where an architecture has fewer levels, the missing ones are folded into the
 * pgd. With `grow` the tables on the way are made; without, a hole is the answer.
 */
import { at, bugOn, type Task } from '@faultline/machine';
import { EFAULT } from '../errno.ts';
import type { Gfn } from '../types.ts';
import { tlbFlushVmidIpa } from './stage2-flush.ts';
import {
  allocTable,
  childOf,
  entryOf,
  indexOf,
  isBlock,
  isTable,
  nullPgd,
  PMD,
  PTE,
  pfnOf,
  type Stage2Table,
  spanOf,
  tableEntry,
} from './stage2-table.ts';
import { unmapTable } from './stage2-unmap.ts';
import type { ArmKvm } from './state.ts';

/** The table that holds the frame's pud entry. @kernel stage2_get_pud virt/kvm/arm/mmu.c */
export function* stage2GetPud(kvm: ArmKvm, gfn: Gfn, grow: boolean): Task<Stage2Table | null> {
  const pgd = yield* kvm.pgd.readOnce();
  if (pgd === null) return nullPgd('stage2_get_pud');
  if (kvm.levels < 4) return pgd;
  return yield* stage2Child(kvm, pgd, 3, gfn, grow);
}

/** The table that holds the frame's pmd entry. @kernel stage2_get_pmd virt/kvm/arm/mmu.c */
export function* stage2GetPmd(kvm: ArmKvm, gfn: Gfn, grow: boolean): Task<Stage2Table | null> {
  const puds = yield* stage2GetPud(kvm, gfn, grow);
  if (puds === null || kvm.levels < 3) return puds;
  return yield* stage2Child(kvm, puds, 2, gfn, grow);
}

/** The table below the frame's entry of `table`. @kernel pud_populate arch/arm64/include/asm/pgalloc.h */
export function* stage2Child(
  kvm: ArmKvm,
  table: Stage2Table,
  level: number,
  gfn: Gfn,
  grow: boolean,
): Task<Stage2Table | null> {
  const entryp = entryOf(table, level, indexOf(gfn, level, kvm.indexBits));
  const entry = yield* entryp.readOnce();
  if (entry !== 0n) return childOf(entry);
  if (!grow) return null;
  const child = allocTable(level - 1, 1 << kvm.indexBits);
  // The hardware may walk into it at once.
  yield* entryp.assign(tableEntry(child), at('arm64.publish_table'));
  table.pageCount++;
  return child;
}

/** How an entry is to be put in place. */
export interface SetPte {
  /** Make the tables on the way; else a hole is left as it is. A notifier has no memory to do so. */
  readonly grow: boolean;
  /** For a device: nothing may be mapped there yet. */
  readonly iomap?: boolean;
}

/** 0, or -EFAULT. @kernel stage2_set_pte virt/kvm/arm/mmu.c */
export function* stage2SetPte(kvm: ArmKvm, gfn: Gfn, next: bigint, how: SetPte): Task<number> {
  const pmds = yield* stage2GetPmd(kvm, gfn, how.grow);
  if (pmds === null) return 0;
  dissolve_block: yield* stage2DissolvePmd(kvm, pmds, gfn);
  const ptes = yield* stage2Child(kvm, pmds, PMD, gfn, how.grow);
  if (ptes === null) return 0;
  const ptep = entryOf(ptes, PTE, indexOf(gfn, PTE, kvm.indexBits));
  const old = yield* ptep.readOnce();
  if (how.iomap === true && old !== 0n) return -EFAULT;
  if (old === next) return 0;
  if (old === 0n) ptes.pageCount++;
  else {
    // Two translations of one frame must never be there at once, in no TLB.
    break_before_make: {
      yield* ptep.writeOnce(0n);
      yield* tlbFlushVmidIpa(kvm, gfn);
    }
  }
  yield* ptep.writeOnce(next);
  return 0;
}

/** Makes room for ptes: the frames of the block fault again. @kernel stage2_dissolve_pmd virt/kvm/arm/mmu.c */
export function* stage2DissolvePmd(kvm: ArmKvm, pmds: Stage2Table, gfn: Gfn): Task {
  const pmdp = entryOf(pmds, PMD, indexOf(gfn, PMD, kvm.indexBits));
  if (!isBlock(yield* pmdp.readOnce(), PMD)) return;
  yield* pmdp.writeOnce(0n);
  flush_dissolved: yield* tlbFlushVmidIpa(kvm, gfn);
  pmds.pageCount--;
}

/** A block instead of whatever is there. @kernel stage2_set_pmd_huge virt/kvm/arm/mmu.c */
export function* stage2SetPmdHuge(kvm: ArmKvm, gfn: Gfn, next: bigint): Task {
  const pmds = yield* stage2GetPmd(kvm, gfn, true);
  if (pmds === null) return;
  const pmdp = entryOf(pmds, PMD, indexOf(gfn, PMD, kvm.indexBits));
  const old = yield* pmdp.readOnce();
  if (old === next) return;
  if (isTable(old, PMD)) {
    const first = (gfn - (gfn % spanOf(PMD, kvm.indexBits))) as Gfn;
    yield* unmapTable(kvm, pmds, PMD, first, (first + spanOf(PMD, kvm.indexBits)) as Gfn);
  } else if (old !== 0n) {
    bugOn(pfnOf(old) !== pfnOf(next), 'a block moves to other frames and nobody announced it');
    // Break before make, here too.
    yield* pmdp.writeOnce(0n);
    yield* tlbFlushVmidIpa(kvm, gfn);
    pmds.pageCount--;
  }
  yield* pmdp.writeOnce(next);
  pmds.pageCount++;
}
