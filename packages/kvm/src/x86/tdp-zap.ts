/**
 * @area mmu
 *
 * Taking translations away under mmu_lock held for write.
 */
import type { Task } from '@faultline/machine';
import { type Gfn, type Hva, PAGE_SIZE } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import type { Memslot } from '../virt/memslots.ts';
import type { MmuPage } from './mmu-page.ts';
import { isShadowPresent } from './spte-predicates.ts';
import { childOf, spteIndex } from './tdp-geometry.ts';
import { formatOf, writeSpte } from './tdp-spte.ts';

/** Zaps what the slot maps from [start, end). Returns whether TLBs have to be flushed. @kernel kvm_unmap_gfn_range arch/x86/kvm/mmu/mmu.c */
export function* unmapGfnRange(kvm: Kvm, slot: Memslot, start: Hva, end: Hva): Task<boolean> {
  const first = Math.max(0, Math.floor((start - slot.userspaceAddr) / PAGE_SIZE));
  const last = Math.min(slot.npages, Math.ceil((end - slot.userspaceAddr) / PAGE_SIZE));
  let flush = false;
  for (let i = first; i < last; i++) flush = (yield* zapLeaf(kvm, (slot.baseGfn + i) as Gfn)) || flush;
  return flush;
}

/** Zaps the leaf of one frame, if there is one. @kernel tdp_mmu_zap_leafs arch/x86/kvm/mmu/tdp_mmu.c */
export function* zapLeaf(kvm: Kvm, gfn: Gfn): Task<boolean> {
  const format = formatOf(kvm);
  let table = kvm.roots.get(0) as MmuPage;
  for (let level = kvm.config.tdpLevels; ; level--) {
    const sptep = table.spt.at(spteIndex(kvm, gfn, level));
    const spte = yield* sptep.readOnce();
    if (!isShadowPresent(format, spte)) return false;
    if (level === 1) {
      yield* writeSpte(kvm, sptep, spte, 0n);
      return true;
    }
    table = childOf(spte);
  }
}
