/**
 * @area mmu
 *
 * Fixing a fault without mmu_lock: a write to an entry that was write-protected only for logging, or an access to one
 * whose R and X were taken away to track accesses. The value that was judged is the value that the cmpxchg replaces;
 * whoever zaps, protects or ages the entry meanwhile makes the cmpxchg lose.
 */
import { at, type Cell, type Task } from '@faultline/machine';
import { type Gfn, gfnOf } from '../types.ts';
import { markPageDirtyInSlot } from '../virt/dirty-log.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { KVM_MEM_LOG_DIRTY_PAGES, type Memslot } from '../virt/memslots.ts';
import type { PageFault } from './page-fault.ts';
import { RetPf } from './ret-pf.ts';
import { PT_WRITABLE } from './spte-format.ts';
import { isAccessTrack, isLast, isMmuWritable, isShadowPresent, restoreAccTrack } from './spte-predicates.ts';
import { formatOf } from './tdp-spte.ts';
import { lastSpte } from './tdp-walk.ts';

/** Lost cmpxchgs after which the slow path is taken. */
const MAX_RETRIES = 4;

/** INVALID: the slow path has to look. @kernel fast_page_fault arch/x86/kvm/mmu/mmu.c */
export function* fastPageFault(vcpu: Vcpu, fault: PageFault, slot: Memslot): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const gfn = gfnOf(fault.gpa);
  // Page-table pages on the way are freed by RCU: see the walk.
  const rcu = yield* kvm.rcu.readLock();
  let result: number = RetPf.INVALID;
  for (let tries = 0; tries <= MAX_RETRIES; tries++) {
    const found = yield* lastSpte(vcpu, gfn);
    if (found === null) break;
    const { sptep, spte, level } = found;
    const next = fixed(kvm, spte, level, fault.write);
    if (next === 'spurious') result = RetPf.SPURIOUS;
    if (typeof next !== 'bigint') break;
    // The log would have one page of it, and the guest could write all. The slow path splits it.
    refuse_huge_while_logging: if (level > 1 && (next & PT_WRITABLE) !== 0n && logs(slot)) break;
    if (yield* fixDirectSpte(vcpu, sptep, spte, next, slot, gfn)) {
      result = RetPf.FIXED;
      break;
    }
  }
  yield* kvm.rcu.readUnlock(rcu);
  return result;
}

/** The value that would let the access through; 'spurious' if this one does, null if none does without mmu_lock. */
export function fixed(kvm: Kvm, spte: bigint, level: number, write: boolean): bigint | 'spurious' | null {
  const format = formatOf(kvm);
  if (!isShadowPresent(format, spte) || !isLast(spte, level)) return null;
  if (allows(format.readable, spte, write)) return 'spurious';
  let next = isAccessTrack(format, spte) ? restoreAccTrack(format, spte) : spte;
  if (write) {
    // Host-writable alone is not enough: the entry may be read-only because the page is shadowed.
    if (!isMmuWritable(format, spte)) return null;
    next |= PT_WRITABLE;
  }
  return next !== spte && allows(format.readable, next, write) ? next : null;
}

/** @kernel fast_pf_fix_direct_spte arch/x86/kvm/mmu/mmu.c */
export function* fixDirectSpte(
  vcpu: Vcpu,
  sptep: Cell<bigint>,
  old: bigint,
  next: bigint,
  slot: Memslot,
  gfn: Gfn,
): Task<boolean> {
  if ((yield* sptep.cmpxchg(old, next, at('mmu.fast_page_fault_cmpxchg'))) !== old) return false;
  // Only now: marked before, a harvest could take the bit and find an entry that is not writable yet.
  mark_dirty_after_cmpxchg: if ((next & PT_WRITABLE) !== 0n && (old & PT_WRITABLE) === 0n) {
    yield* markPageDirtyInSlot(vcpu, slot, gfn);
  }
  return true;
}

/** @kernel kvm_slot_dirty_track_enabled include/linux/kvm_host.h */
function logs(slot: Memslot): boolean {
  return (slot.flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0;
}

/** @kernel is_access_allowed arch/x86/kvm/mmu/spte.h */
function allows(readable: bigint, spte: bigint, write: boolean): boolean {
  return write ? (spte & PT_WRITABLE) !== 0n : (spte & readable) !== 0n;
}
