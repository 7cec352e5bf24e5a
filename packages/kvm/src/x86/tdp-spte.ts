/**
 * @area mmu
 *
 * Changing one SPTE of the TDP MMU. Under mmu_lock held for read several CPUs change entries at once, so each change is a
 * cmpxchg from the value that was looked at; under mmu_lock held for write only the fast path and the hardware can
 * interfere, so an exchange is enough, and only where the old value is volatile.
 */
import { at, bugOn, type Cell, type Task } from '@faultline/machine';
import { type MmStruct, setPfnAccessed, setPfnDirty } from '../host/mm.ts';
import type { Pfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { pfnOf } from './spte.ts';
import { type SpteFormat, spteFormat } from './spte-format.ts';
import {
  checkSpte,
  FROZEN_SPTE,
  hasVolatileBits,
  isAccessed,
  isDirty,
  isLarge,
  isLast,
  isShadowPresent,
} from './spte-predicates.ts';

/** The format of this VM's SPTEs. */
export function formatOf(kvm: Kvm): SpteFormat {
  return FORMATS[kvm.config.npt * 2 + kvm.config.adBits] as SpteFormat;
}

/** By npt and adBits: looked up on every fault, so made once. */
const FORMATS: readonly SpteFormat[] = [true, false].flatMap((ept) =>
  [false, true].map((ad) => spteFormat('modern', { ept, ad })),
);

/**
 * Under mmu_lock held for read, inside RCU: installs `next` if the entry still holds `old`. Returns whether it did.
 *
 * @kernel tdp_mmu_set_spte_atomic arch/x86/kvm/mmu/tdp_mmu.c
 */
export function* setSpteAtomic(
  kvm: Kvm,
  sptep: Cell<bigint>,
  level: number,
  old: bigint,
  next: bigint,
): Task<boolean> {
  bugOn(old === FROZEN_SPTE, 'a frozen SPTE is changed by somebody who does not own it');
  if (isLast(next, level)) checkSpte(formatOf(kvm), next);
  if ((yield* sptep.cmpxchg(old, next, at('mmu.set_spte_cmpxchg'))) !== old) return false;
  if (isLast(old, level)) yield* handleChangedLeaf(kvm, old, next);
  return true;
}

/**
 * Under mmu_lock held for write. Returns the value that was really replaced: the fast path or the hardware may have
 * changed it after the caller looked.
 *
 * @kernel kvm_tdp_mmu_write_spte arch/x86/kvm/mmu/tdp_iter.h
 */
export function* writeSpte(kvm: Kvm, sptep: Cell<bigint>, old: bigint, next: bigint): Task<bigint> {
  const format = formatOf(kvm);
  checkSpte(format, next);
  let replaced = old;
  if (spteIsVolatile(format, old)) replaced = yield* sptep.xchg(next, at('mmu.write_spte_xchg'));
  else yield* sptep.writeOnce(next);
  yield* handleChangedLeaf(kvm, replaced, next);
  return replaced;
}

/** Whether the value may change under the caller. @kernel kvm_tdp_mmu_spte_need_atomic_write arch/x86/kvm/mmu/tdp_iter.h */
export function spteIsVolatile(format: SpteFormat, spte: bigint): boolean {
  return hasVolatileBits(format, spte);
}

/** What the hardware had noted in a leaf that goes away, or stops counting as dirty, is told to the host. @kernel handle_changed_spte arch/x86/kvm/mmu/tdp_mmu.c */
export function* handleChangedLeaf(kvm: Kvm, old: bigint, next: bigint): Task {
  const format = formatOf(kvm);
  if (!isShadowPresent(format, old)) return;
  // Split: the frames stay mapped, and what the hardware noted stands in the children. (6.1 tells the host as well.)
  if (isLarge(old) && isShadowPresent(format, next) && !isLarge(next)) return;
  const stays = isShadowPresent(format, next) && pfnOf(next) === pfnOf(old);
  bugOn(
    isShadowPresent(format, next) && !stays,
    'a leaf changes its frame without passing through non-present',
  );
  report_dirty_to_host: if (isDirty(format, old) && !(stays && isDirty(format, next))) {
    yield* reportDirty(kvm, old);
  }
  if (!isAccessed(format, old) || (stays && isAccessed(format, next))) return;
  for (let i = 0; i < framesOf(kvm, old); i++) {
    yield* setPfnAccessed(kvm.mmStruct as MmStruct, (pfnOf(old) + i) as Pfn);
  }
}

/** The host counts what a leaf maps as written: of a huge page every frame, as there is one Dirty bit for all. */
export function* reportDirty(kvm: Kvm, leaf: bigint): Task {
  for (let i = 0; i < framesOf(kvm, leaf); i++) {
    yield* setPfnDirty(kvm.mmStruct as MmStruct, (pfnOf(leaf) + i) as Pfn);
  }
}

/** Frames that a leaf maps, from the one that it names on. */
export function framesOf(kvm: Kvm, leaf: bigint): number {
  return isLarge(leaf) ? 2 ** kvm.config.tdpIndexBits : 1;
}
