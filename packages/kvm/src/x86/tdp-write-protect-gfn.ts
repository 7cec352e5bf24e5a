/**
 * @area dirty
 *
 * Write protection for good: KVM shadows the page, or somebody tracks writes to it. Unlike protection for the dirty log the
 * fast path may not undo it, and nobody uses an older translation once mmu_lock is dropped.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { flushRemoteTlbs } from './flush.ts';
import { PT_WRITABLE } from './spte-format.ts';
import { presentLeaf } from './tdp-leaf.ts';
import { formatOf, writeSpte } from './tdp-spte.ts';

/** When it returns, no vCPU writes the page, and the fast path lets none. @kernel kvm_mmu_slot_gfn_write_protect arch/x86/kvm/mmu/mmu.c */
export function* writeProtectForTracking(kvm: Kvm, gfn: Gfn): Task {
  yield* kvm.mmuLock.writeLock();
  const changed = yield* writeProtectTracked(kvm, gfn);
  // Inside the lock: who takes it next believes that nobody writes.
  flush_tracked_page: if (changed) yield* flushRemoteTlbs(kvm);
  yield* kvm.mmuLock.writeUnlock();
}

/**
 * Leaves below `minLevel` stay as they are. Returns whether TLBs may hold a writable translation. That is for MMU-writable to say, not for W: logging may have taken
 * W with its flush still to come, and the fast path may set it after the entry was read.
 *
 * @kernel write_protect_gfn arch/x86/kvm/mmu/tdp_mmu.c
 */
export function* writeProtectTracked(kvm: Kvm, gfn: Gfn, minLevel = 1): Task<boolean> {
  const leaf = yield* presentLeaf(kvm, gfn);
  if (leaf === null || leaf.level < minLevel) return false;
  const next = leaf.spte & ~(PT_WRITABLE | formatOf(kvm).mmuWritable);
  if (next === leaf.spte) return false;
  yield* writeSpte(kvm, leaf.sptep, leaf.spte, next);
  return true;
}
