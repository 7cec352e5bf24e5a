/**
 * @area shadow
 *
 * Two reasons to take W away. For the dirty log the fast path may give it back, and the flush can wait until the ioctl
 * returns. Because the page is a table that is mirrored, nobody may, and TLBs are flushed before mmu_lock is dropped.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../../types.ts';
import type { Kvm } from '../../virt/kvm.ts';
import { PT_WRITABLE } from '../spte-format.ts';
import { isMmuWritable } from '../spte-predicates.ts';
import { formatOf } from '../tdp-spte.ts';
import { type Entry, pteList, rmapOf } from './rmap.ts';
import { shadowOf } from './shadow-mmu.ts';
import { mmuSpteUpdate } from './spte-update.ts';

/** Every entry that maps the frame. Returns whether TLBs have to be flushed. Under mmu_lock. @kernel rmap_write_protect arch/x86/kvm/mmu/mmu.c */
export function* rmapWriteProtect(kvm: Kvm, gfn: Gfn, ptProtect: boolean): Task<boolean> {
  let flush = false;
  const entries = pteList(kvm, rmapOf(kvm, gfn));
  for (const entry of entries) flush = (yield* spteWriteProtect(kvm, entry, ptProtect)) || flush;
  return flush;
}

/** Judges by MMU-writable: W may be away for the log with its flush still to come, or may come back at any time. @kernel spte_write_protect arch/x86/kvm/mmu/mmu.c */
export function* spteWriteProtect(kvm: Kvm, { sptep }: Entry, ptProtect: boolean): Task<boolean> {
  const format = formatOf(kvm);
  const spte = yield* sptep.readOnce();
  const allowed = isMmuWritable(format, spte);
  // Proposed in 2012: whatever W says, if the fast path could set it.
  const mustFlush = shadowOf(kvm).alwaysFlushes === 1 && allowed;
  let writable = (spte & PT_WRITABLE) !== 0n;
  protect_what_may_become_writable: writable = writable || (ptProtect && allowed);
  if (!writable) return mustFlush;
  let next = spte & ~PT_WRITABLE;
  take_mmu_writable: if (ptProtect) next &= ~format.mmuWritable;
  return (yield* mmuSpteUpdate(kvm, sptep, next)) || mustFlush;
}
