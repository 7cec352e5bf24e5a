/**
 * @area mmu
 *
 * Entries that lead to tables, and what becomes of the tables. With mmu_lock held for read nobody can keep others from an
 * entry except by freezing it: a frozen entry belongs to the one who froze it until he stores something else.
 */
import { at, type Cell, retryAfterChange, type Task } from '@faultline/machine';
import type { Kvm } from '../virt/kvm.ts';
import { flushRemoteTlbs } from './flush.ts';
import type { MmuPage } from './mmu-page.ts';
import { FROZEN_SPTE, isLast, isShadowPresent } from './spte-predicates.ts';
import { callRcu } from './tdp-free.ts';
import { childOf, entriesOf } from './tdp-geometry.ts';
import { formatOf, handleChangedLeaf, setSpteAtomic, spteIsVolatile, writeSpte } from './tdp-spte.ts';

/**
 * Under mmu_lock held for read, inside RCU: empties an entry, whatever it holds, and flushes. False if the entry changed
 * meanwhile. Nobody maps anything there before every vCPU has forgotten what was there.
 *
 * @kernel tdp_mmu_zap_spte_atomic arch/x86/kvm/mmu/tdp_mmu.c
 */
export function* zapSpteAtomic(kvm: Kvm, sptep: Cell<bigint>, level: number, old: bigint): Task<boolean> {
  if (!(yield* replaceSpteAtomic(kvm, sptep, level, old, FROZEN_SPTE))) return false;
  flush_before_release: yield* flushRemoteTlbs(kvm);
  yield* sptep.writeOnce(0n);
  yield* kvm.frozenReleased.fetchAdd(1);
  return true;
}

/** In one step, and without a flush: `next` is 0, frozen, or a leaf. A table that was there is taken apart. @kernel tdp_mmu_set_spte_atomic, handle_changed_spte arch/x86/kvm/mmu/tdp_mmu.c */
export function* replaceSpteAtomic(
  kvm: Kvm,
  sptep: Cell<bigint>,
  level: number,
  old: bigint,
  next: bigint,
): Task<boolean> {
  if (!(yield* setSpteAtomic(kvm, sptep, level, old, next))) return false;
  if (isTable(kvm, old, level)) yield* handleRemovedPt(kvm, childOf(old), level - 1, true);
  return true;
}

/** Under mmu_lock held for write: empties an entry without a flush. @kernel tdp_mmu_set_spte arch/x86/kvm/mmu/tdp_mmu.c */
export function* clearSpte(kvm: Kvm, sptep: Cell<bigint>, level: number, old: bigint): Task {
  if (!isTable(kvm, old, level)) {
    yield* writeSpte(kvm, sptep, old, 0n);
    return;
  }
  yield* sptep.writeOnce(0n);
  yield* handleRemovedPt(kvm, childOf(old), level - 1, false);
}

/**
 * Takes apart a table that no entry leads to any more. CPUs may stand in it still: the hardware sets A and D there, faults
 * that share mmu_lock may install something; so each entry is frozen for good, and judged by what it held then.
 *
 * @kernel handle_removed_pt arch/x86/kvm/mmu/tdp_mmu.c
 */
export function* handleRemovedPt(kvm: Kvm, table: MmuPage, level: number, shared: boolean): Task {
  for (let i = 0; i < entriesOf(kvm); i++) {
    const sptep = table.spt.at(i);
    const old = shared ? yield* freezeShared(sptep) : yield* freezeExclusive(kvm, sptep, level);
    if (isTable(kvm, old, level)) yield* handleRemovedPt(kvm, childOf(old), level - 1, shared);
    else yield* handleChangedLeaf(kvm, old, FROZEN_SPTE);
  }
  yield* callRcu(kvm, table);
}

/** Returns what the entry held when it was frozen. */
function* freezeShared(sptep: Cell<bigint>): Task<bigint> {
  let old = yield* sptep.xchg(FROZEN_SPTE, at('mmu.freeze_child_xchg'));
  // Frozen by somebody else, who will store into it once more: it is his until then.
  wait_for_owner: while (old === FROZEN_SPTE) {
    yield* retryAfterChange([[sptep, FROZEN_SPTE]]);
    old = yield* sptep.xchg(FROZEN_SPTE);
  }
  return old;
}

/** With mmu_lock held for write only the fast path and the hardware interfere, and only with what is volatile. */
function* freezeExclusive(kvm: Kvm, sptep: Cell<bigint>, level: number): Task<bigint> {
  const old = yield* sptep.readOnce();
  if (!isShadowPresent(formatOf(kvm), old)) return 0n;
  const leaf = !isTable(kvm, old, level);
  if (leaf && spteIsVolatile(formatOf(kvm), old)) {
    return yield* sptep.xchg(FROZEN_SPTE, at('mmu.freeze_volatile_child_xchg'));
  }
  yield* sptep.writeOnce(FROZEN_SPTE);
  return old;
}

/** Whether the entry leads to a table. */
export function isTable(kvm: Kvm, spte: bigint, level: number): boolean {
  return isShadowPresent(formatOf(kvm), spte) && !isLast(spte, level);
}
