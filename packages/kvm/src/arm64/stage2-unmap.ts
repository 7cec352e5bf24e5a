/**
 * @area arm64
 *
 * Walks over a range of the tables. They hold mmu_lock, a spinlock, for long, and drop it between two entries of the pgd: what they
 * knew of the tables is worth nothing after that.
 */
import { choose, type Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import { tlbFlushVmidIpa } from './stage2-flush.ts';
import { childOf, entryOf, isTable, nullPgd, S2AP_W, Stage2Table, spanOf } from './stage2-table.ts';
import type { ArmKvm } from './state.ts';

/** Nothing of [start, end) is mapped after it, and no CPU remembers any. Under mmu_lock. @kernel unmap_stage2_range virt/kvm/arm/mmu.c */
export function* unmapStage2Range(kvm: ArmKvm, start: Gfn, end: Gfn): Task {
  const pgd = yield* kvm.pgd.readOnce();
  for (let at = start; at < end; ) {
    // Somebody else may have freed the tables while the lock was dropped.
    stop_at_freed_pgd: if ((yield* kvm.pgd.readOnce()) === null) break;
    if (pgd === null) return void nullPgd('unmap_stage2_range');
    const next = nextPgdEntry(kvm, at, end);
    yield* unmapTable(kvm, pgd, kvm.levels - 1, at, next);
    if (next !== end) yield* condReschedLock(kvm);
    at = next;
  }
}

/** Takes W from what is mapped in [start, end); the caller flushes. @kernel stage2_wp_range virt/kvm/arm/mmu.c */
export function* stage2WpRange(kvm: ArmKvm, start: Gfn, end: Gfn): Task {
  const pgd = yield* kvm.pgd.readOnce();
  for (let at = start; at < end; ) {
    stop_protecting_at_freed_pgd: if ((yield* kvm.pgd.readOnce()) === null) break;
    if (pgd === null) return void nullPgd('stage2_wp_range');
    const next = nextPgdEntry(kvm, at, end);
    yield* protectTable(kvm, pgd, kvm.levels - 1, at, next);
    if (next !== end) yield* condReschedLock(kvm);
    at = next;
  }
}

/** Frame where the next entry of the pgd begins, or `end`. @kernel stage2_pgd_addr_end arch/arm64/include/asm/stage2_pgtable.h */
function nextPgdEntry(kvm: ArmKvm, gfn: Gfn, end: Gfn): Gfn {
  const span = spanOf(kvm.levels - 1, kvm.indexBits);
  return Math.min(gfn - (gfn % span) + span, end) as Gfn;
}

/** Perhaps lets others have mmu_lock for a while. @kernel cond_resched_lock include/linux/sched.h */
export function* condReschedLock(kvm: ArmKvm): Task {
  if (kvm.mayYield === 0) return;
  if ((yield* choose('need_resched', 2)) === 0) return;
  yield* kvm.mmuLock.unlock();
  yield* kvm.mmuLock.lock();
}

/** Entries of one table, and what lies below them. @kernel unmap_stage2_puds, unmap_stage2_pmds, unmap_stage2_ptes virt/kvm/arm/mmu.c */
export function* unmapTable(kvm: ArmKvm, table: Stage2Table, level: number, start: Gfn, end: Gfn): Task {
  const span = spanOf(level, kvm.indexBits);
  for (let at = start; at < end; at = (at - (at % span) + span) as Gfn) {
    const entryp = entryOf(table, level, (at / span) & ((1 << kvm.indexBits) - 1));
    const entry = yield* entryp.readOnce();
    if (entry === 0n) continue;
    if (isTable(entry, level)) {
      const child = childOf(entry);
      yield* unmapTable(kvm, child, level - 1, at, Math.min(at - (at % span) + span, end) as Gfn);
      if (child.pageCount !== 1) continue;
      yield* entryp.writeOnce(0n);
      // A walk of the hardware may stand in it.
      flush_before_free: yield* tlbFlushVmidIpa(kvm, at);
      Stage2Table.free(child);
    } else {
      yield* entryp.writeOnce(0n);
      flush_unmapped: yield* tlbFlushVmidIpa(kvm, at);
    }
    table.pageCount--;
  }
}

function* protectTable(kvm: ArmKvm, table: Stage2Table, level: number, start: Gfn, end: Gfn): Task {
  const span = spanOf(level, kvm.indexBits);
  for (let at = start; at < end; at = (at - (at % span) + span) as Gfn) {
    const entryp = entryOf(table, level, (at / span) & ((1 << kvm.indexBits) - 1));
    const entry = yield* entryp.readOnce();
    if (isTable(entry, level)) {
      const below = Math.min(at - (at % span) + span, end) as Gfn;
      yield* protectTable(kvm, childOf(entry), level - 1, at, below);
    } else if ((entry & S2AP_W) !== 0n) {
      // The hardware may set the access flag meanwhile.
      yield* entryp.fetchAnd(~S2AP_W & 0xffff_ffff_ffff_ffffn);
    }
  }
}
