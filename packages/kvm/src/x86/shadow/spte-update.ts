/**
 * @area shadow
 *
 * Changing one entry of the shadow MMU, under mmu_lock. What the fast path or the hardware may change meanwhile is
 * exchanged, and judged by what was replaced.
 */
import { at, bugOn, type Cell, type Task } from '@faultline/machine';
import { type MmStruct, setPfnAccessed, setPfnDirty } from '../../host/mm.ts';
import type { Kvm } from '../../virt/kvm.ts';
import { pfnOf } from '../spte.ts';
import { PT_WRITABLE, type SpteFormat } from '../spte-format.ts';
import {
  checkSpte,
  hasVolatileBits,
  isAccessed,
  isDirty,
  isMmuWritable,
  isShadowPresent,
} from '../spte-predicates.ts';
import { formatOf } from '../tdp-spte.ts';

/**
 * Replaces a leaf by another of the same frame. Returns whether TLBs have to be flushed: because writing was possible, or
 * could be made so by the fast path, and is not any more; or because A or D was taken away.
 *
 * @kernel mmu_spte_update arch/x86/kvm/mmu/mmu.c
 */
export function* mmuSpteUpdate(kvm: Kvm, sptep: Cell<bigint>, next: bigint): Task<boolean> {
  const format = formatOf(kvm);
  checkSpte(format, next);
  let old = yield* sptep.readOnce();
  if (!isShadowPresent(format, old)) {
    yield* sptep.writeOnce(next);
    return false;
  }
  bugOn(pfnOf(old) !== pfnOf(next), 'mmu_spte_update() changes the frame of an entry');
  if (mayChange(format, old)) old = yield* sptep.xchg(next, at('shadow.update_spte_xchg'));
  else yield* sptep.writeOnce(next);
  const mm = kvm.mmStruct as MmStruct;
  // MMU-writable, not W: the fast path may have set W after it was looked at.
  let flush = isMmuWritable(format, old) && (next & PT_WRITABLE) === 0n;
  if (isAccessed(format, old) && !isAccessed(format, next)) {
    flush = true;
    yield* setPfnAccessed(mm, pfnOf(old));
  }
  if (isDirty(format, old) && !isDirty(format, next)) {
    flush = true;
    report_dirty_of_updated: yield* setPfnDirty(mm, pfnOf(old));
  }
  return flush;
}

/** Empties an entry, and tells the host what its bits said. Returns what stood there. @kernel mmu_spte_clear_track_bits arch/x86/kvm/mmu/mmu.c */
export function* mmuSpteClearTrackBits(kvm: Kvm, sptep: Cell<bigint>): Task<bigint> {
  const format = formatOf(kvm);
  let old = yield* sptep.readOnce();
  if (mayChange(format, old)) old = yield* sptep.xchg(0n, at('shadow.clear_spte_xchg'));
  else yield* sptep.writeOnce(0n);
  if (!isShadowPresent(format, old)) return old;
  const mm = kvm.mmStruct as MmStruct;
  if (isAccessed(format, old)) yield* setPfnAccessed(mm, pfnOf(old));
  report_dirty_of_cleared: if (isDirty(format, old)) yield* setPfnDirty(mm, pfnOf(old));
  return old;
}

/** Whether the value may change under the caller, who holds mmu_lock. @kernel spte_has_volatile_bits arch/x86/kvm/mmu/spte.c */
export function mayChange(format: SpteFormat, spte: bigint): boolean {
  return isShadowPresent(format, spte) && hasVolatileBits(format, spte);
}
