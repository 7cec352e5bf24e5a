/**
 * A walk over the entries of a table and of the tables below it, in the order of frame numbers, an entry before what it
 * leads to. Whoever walks holds mmu_lock for write, or is inside RCU: a table that is unlinked meanwhile stays readable.
 *
 * @kernel struct tdp_iter arch/x86/kvm/mmu/tdp_iter.h
 */
import type { Cell, Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import type { MmuPage } from './mmu-page.ts';
import { isLast, isShadowPresent } from './spte-predicates.ts';
import { childOf, entriesOf, framesAt, spteIndex } from './tdp-geometry.ts';
import { formatOf } from './tdp-spte.ts';

export interface TdpIter {
  readonly kvm: Kvm;
  readonly root: MmuPage;
  /** The walk does not go below this level, */
  readonly minLevel: number;
  /** nor to entries that begin at or after this frame. */
  readonly end: number;
  /** Section of kvm->rcu that the walk is in; -1 if mmu_lock is held for write. */
  rcu: number;
  /** Where a walk that starts over goes on. */
  nextLastLevelGfn: number;
  /** The same when the walk last dropped its locks: it does not do so twice without progress. */
  yieldedGfn: number;
  /** The locks were dropped: nothing that was read before may be followed. */
  yielded: boolean;
  /** Tables on the way, by level. */
  readonly tables: MmuPage[];
  level: number;
  /** First frame of the entry. */
  gfn: number;
  sptep: Cell<bigint>;
  oldSpte: bigint;
  valid: boolean;
}

/** @kernel tdp_iter_start arch/x86/kvm/mmu/tdp_iter.c */
export function* iterStart(
  kvm: Kvm,
  root: MmuPage,
  minLevel: number,
  gfn: Gfn,
  end: Gfn,
  rcu = -1,
): Task<TdpIter> {
  const iter: TdpIter = {
    kvm,
    root,
    minLevel,
    end,
    rcu,
    nextLastLevelGfn: gfn,
    yieldedGfn: gfn,
    yielded: false,
    tables: [],
    level: 0,
    gfn,
    sptep: root.spt.at(0),
    oldSpte: 0n,
    valid: true,
  };
  yield* restart(iter);
  return iter;
}

/** @kernel tdp_iter_next arch/x86/kvm/mmu/tdp_iter.c */
export function* iterNext(iter: TdpIter): Task {
  if (iter.yielded) {
    yield* restart(iter);
    return;
  }
  if (yield* stepDown(iter)) return;
  do {
    if (yield* stepSide(iter)) return;
  } while (stepUp(iter));
  iter.valid = false;
}

/** @kernel tdp_iter_restart arch/x86/kvm/mmu/tdp_iter.c */
function* restart(iter: TdpIter): Task {
  iter.yielded = false;
  iter.yieldedGfn = iter.nextLastLevelGfn;
  iter.level = iter.kvm.config.tdpLevels;
  iter.tables[iter.level] = iter.root;
  iter.gfn = roundDown(iter, iter.nextLastLevelGfn);
  yield* readEntry(iter);
}

/** @kernel try_step_down arch/x86/kvm/mmu/tdp_iter.c */
function* stepDown(iter: TdpIter): Task<boolean> {
  if (iter.level === iter.minLevel) return false;
  // Read again: the entry may no longer lead where it did when the walker was here.
  iter.oldSpte = yield* iter.sptep.readOnce();
  const format = formatOf(iter.kvm);
  if (!isShadowPresent(format, iter.oldSpte) || isLast(iter.oldSpte, iter.level)) return false;
  iter.level--;
  iter.tables[iter.level] = childOf(iter.oldSpte);
  iter.gfn = roundDown(iter, iter.nextLastLevelGfn);
  yield* readEntry(iter);
  return true;
}

/** @kernel try_step_side arch/x86/kvm/mmu/tdp_iter.c */
function* stepSide(iter: TdpIter): Task<boolean> {
  const { kvm, gfn, level } = iter;
  if (spteIndex(kvm, gfn as Gfn, level) === entriesOf(kvm) - 1) return false;
  if (gfn + framesOf(iter) >= iter.end) return false;
  iter.gfn += framesOf(iter);
  iter.nextLastLevelGfn = iter.gfn;
  yield* readEntry(iter);
  return true;
}

/** @kernel try_step_up arch/x86/kvm/mmu/tdp_iter.c */
function stepUp(iter: TdpIter): boolean {
  if (iter.level === iter.kvm.config.tdpLevels) return false;
  iter.level++;
  iter.gfn = roundDown(iter, iter.gfn);
  return true;
}

function* readEntry(iter: TdpIter): Task {
  const table = iter.tables[iter.level] as MmuPage;
  iter.sptep = table.spt.at(spteIndex(iter.kvm, iter.gfn as Gfn, iter.level));
  iter.oldSpte = yield* iter.sptep.readOnce();
}

/** Frames that an entry of the present level covers. */
function framesOf(iter: TdpIter): number {
  return framesAt(iter.kvm, iter.level);
}

function roundDown(iter: TdpIter, gfn: number): number {
  return gfn - (gfn % framesOf(iter));
}
