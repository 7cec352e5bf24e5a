/** The leaf of one frame, for whoever holds mmu_lock for write: nobody frees a table under it. */
import type { Cell, Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import type { MmuPage } from './mmu-page.ts';
import { isLast, isShadowPresent } from './spte-predicates.ts';
import { childOf, spteIndex } from './tdp-geometry.ts';
import { formatOf } from './tdp-spte.ts';

export interface Leaf {
  readonly sptep: Cell<bigint>;
  /** What it was when it was read; the fast path and the hardware may have changed it since. */
  readonly spte: bigint;
  /** 2 for a huge page. */
  readonly level: number;
}

/** Null if nothing is mapped. @kernel tdp_mmu_for_each_leaf_pte arch/x86/kvm/mmu/tdp_mmu.c */
export function* presentLeaf(kvm: Kvm, gfn: Gfn): Task<Leaf | null> {
  const format = formatOf(kvm);
  let table: MmuPage | null = kvm.roots.get(0);
  if (table === null) return null;
  for (let level = kvm.config.tdpLevels; ; level--) {
    const sptep = table.spt.at(spteIndex(kvm, gfn, level));
    const spte = yield* sptep.readOnce();
    if (!isShadowPresent(format, spte)) return null;
    if (isLast(spte, level)) return { sptep, spte, level };
    table = childOf(spte);
  }
}
