/**
 * @area mmu
 *
 * Changing one SPTE of the TDP MMU. Under mmu_lock held for read several CPUs change entries at once, so each change is a
 * cmpxchg from the value that was looked at; under mmu_lock held for write only the fast path and the hardware can
 * interfere, so an exchange is enough, and only where the old value is volatile.
 */
import { at, bugOn, type Cell, type Task } from '@faultline/machine';
import { type MmStruct, setPfnAccessed, setPfnDirty } from '../host/mm.ts';
import type { Kvm } from '../virt/kvm.ts';
import { pfnOf } from './spte.ts';
import { type SpteFormat, spteFormat } from './spte-format.ts';
import {
  checkSpte,
  FROZEN_SPTE,
  hasVolatileBits,
  isAccessed,
  isDirty,
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
  const stays = isShadowPresent(format, next) && pfnOf(next) === pfnOf(old);
  bugOn(
    isShadowPresent(format, next) && !stays,
    'a leaf changes its frame without passing through non-present',
  );
  const mm = kvm.mmStruct as MmStruct;
  report_dirty_to_host: if (isDirty(format, old) && !(stays && isDirty(format, next))) {
    yield* setPfnDirty(mm, pfnOf(old));
  }
  if (isAccessed(format, old) && !(stays && isAccessed(format, next))) yield* setPfnAccessed(mm, pfnOf(old));
}
