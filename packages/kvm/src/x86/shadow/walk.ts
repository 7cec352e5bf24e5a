/** Walks of shadow pages without mmu_lock: by the fast path, and by the hardware. */
import type { Cell, Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import { isLast, isShadowPresent } from '../spte-predicates.ts';
import { formatOf } from '../tdp-spte.ts';
import { guestIndex } from './guest-tables.ts';
import { guestMmuOf } from './shadow-mmu.ts';
import { type ShadowPage, shadowChild } from './shadow-page.ts';

/** Where a walk ended. */
export interface Last {
  readonly page: ShadowPage;
  readonly sptep: Cell<bigint>;
  readonly spte: bigint;
  readonly index: number;
}

/** The leaf of a virtual page, as it was read; null if a table is missing on the way. Inside a lockless walk. @kernel fast_pf_get_last_sptep arch/x86/kvm/mmu/mmu.c */
export function* lastShadowSpte(vcpu: Vcpu, virtual: number): Task<Last | null> {
  const kvm = vcpu.kvm as Kvm;
  let page = guestMmuOf(vcpu).root as ShadowPage;
  for (let level = kvm.config.tdpLevels; ; level--) {
    const index = guestIndex(kvm, virtual, level);
    const sptep = page.spt.at(index);
    const spte = yield* sptep.readOnce();
    if (isLast(spte, level)) return { page, sptep, spte, index };
    if (!isShadowPresent(formatOf(kvm), spte)) return null;
    page = shadowChild(spte);
  }
}
