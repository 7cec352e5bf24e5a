/**
 * @area mmu
 *
 * Taking translations away under mmu_lock held for write.
 */
import type { Task } from '@faultline/machine';
import { type Gfn, type Hva, PAGE_SIZE } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import type { Memslot } from '../virt/memslots.ts';
import { reloadAfterUnmap } from './apic-access-slot.ts';
import type { MmuPage } from './mmu-page.ts';
import { isLast, isShadowPresent } from './spte-predicates.ts';
import { iterNext, iterStart } from './tdp-iter.ts';
import { nextRootYieldSafe } from './tdp-roots.ts';
import { formatOf, writeSpte } from './tdp-spte.ts';
import { iterCondResched } from './tdp-yield.ts';

/** Zaps what the slot maps from [start, end). Returns whether TLBs have to be flushed. @kernel kvm_unmap_gfn_range arch/x86/kvm/mmu/mmu.c */
export function* unmapGfnRange(kvm: Kvm, slot: Memslot, start: Hva, end: Hva): Task<boolean> {
  const first = Math.max(0, Math.floor((start - slot.userspaceAddr) / PAGE_SIZE));
  const last = Math.min(slot.npages, Math.ceil((end - slot.userspaceAddr) / PAGE_SIZE));
  if (first >= last) return false;
  const flush = yield* zapLeafs(
    kvm,
    slot.asId,
    (slot.baseGfn + first) as Gfn,
    (slot.baseGfn + last) as Gfn,
    false,
  );
  yield* reloadAfterUnmap(kvm, slot);
  return flush;
}

/**
 * Zaps the leaves of [start, end) below every root, invalid ones included: their entries still name frames. Returns whether
 * TLBs have to be flushed, by the caller or for what it did before. @kernel kvm_tdp_mmu_zap_leafs arch/x86/kvm/mmu/tdp_mmu.c
 */
export function* zapLeafs(kvm: Kvm, asId: number, start: Gfn, end: Gfn, flush: boolean): Task<boolean> {
  let pending = flush;
  if (kvm.config.mmuYields === 1) {
    let root = yield* nextRootYieldSafe(kvm, asId, null);
    while (root !== null) {
      pending = yield* zapLeafsOf(kvm, root, start, end, pending);
      root = yield* nextRootYieldSafe(kvm, asId, root);
    }
    return pending;
  }
  // The list of roots stands still as long as mmu_lock is not dropped.
  for (let root = kvm.tdpMmuRoots.at(asId).peek(); root !== null; root = root.link.peek()) {
    pending = yield* zapLeafsOf(kvm, root, start, end, pending);
  }
  return pending;
}

/** A huge leaf goes if any page of it is in the range: it may begin before. @kernel tdp_mmu_zap_leafs arch/x86/kvm/mmu/tdp_mmu.c */
export function* zapLeafsOf(kvm: Kvm, root: MmuPage, start: Gfn, end: Gfn, flush: boolean): Task<boolean> {
  const format = formatOf(kvm);
  let pending = flush;
  const iter = yield* iterStart(kvm, root, 1, start, end);
  for (; iter.valid; yield* iterNext(iter)) {
    if (yield* iterCondResched(iter, pending, false)) {
      pending = false;
      continue;
    }
    if (!isShadowPresent(format, iter.oldSpte) || !isLast(iter.oldSpte, iter.level)) continue;
    yield* writeSpte(kvm, iter.sptep, iter.oldSpte, 0n);
    pending = true;
  }
  return pending;
}
