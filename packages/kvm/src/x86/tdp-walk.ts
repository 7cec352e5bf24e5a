/** Walks of the page tables: by KVM without a lock, and by the hardware. */
import type { Cell, Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { rootOf } from './mmu-page.ts';
import { isLast, isShadowPresent } from './spte-predicates.ts';
import { childOf, spteIndex } from './tdp-geometry.ts';
import { formatOf } from './tdp-spte.ts';

/** Where a walk ended. */
export interface Walked {
  readonly sptep: Cell<bigint>;
  readonly spte: bigint;
  readonly level: number;
}

/** Reads each entry once, down to the last that is present. Inside RCU. @kernel kvm_tdp_mmu_fast_pf_get_last_sptep arch/x86/kvm/mmu/tdp_mmu.c */
export function* lastSpte(vcpu: Vcpu, gfn: Gfn): Task<Walked | null> {
  const kvm = vcpu.kvm as Kvm;
  const format = formatOf(kvm);
  let table = rootOf(vcpu);
  for (let level = kvm.config.tdpLevels; level > 0; level--) {
    const sptep = table.spt.at(spteIndex(kvm, gfn, level));
    const spte = yield* sptep.readOnce();
    if (isLast(spte, level) || !isShadowPresent(format, spte)) return { sptep, spte, level };
    table = childOf(spte);
  }
  return null;
}
