/** A page of the table that the hardware walks. */
import {
  array,
  type Cell,
  cell32,
  cell64,
  type Elements,
  guardedBy,
  kernelName,
  ptr,
  ptrCell,
  type StructType,
  struct,
  u32Field,
  type View,
} from '@faultline/machine';

import type { Kvm, Vcpu } from '../virt/kvm.ts';

/** @kernel struct kvm_mmu_page arch/x86/kvm/mmu/mmu_internal.h */
export interface MmuPage extends View {
  entries: number;
  /** Roots of the TDP MMU: who may still walk from here. One reference is the MMU's own, until the root is zapped. */
  readonly rootCount: Cell<number>;
  /** role.invalid: found by nobody any more; a vCPU that still has it loads another. Set under mmu_lock held for write. */
  readonly invalid: Cell<number>;
  /** Invalidated, and the MMU's own reference has yet to be put. */
  scheduledToZap: number;
  /** The next older root of the address space. */
  readonly link: Cell<MmuPage | null>;
  /** Next to be freed after the grace period: see tdp-free.ts. */
  rcuNext: MmuPage | null;
  readonly spt: Elements<Cell<bigint>>;
}

export const MmuPage: StructType<MmuPage> = struct(
  'kvm_mmu_page',
  {
    entries: u32Field,
    rootCount: kernelName('tdp_mmu_root_count', cell32),
    invalid: kernelName('role.invalid', cell32),
    scheduledToZap: kernelName('tdp_mmu_scheduled_root_to_zap', guardedBy(u32Field, 'kvm->slots_lock')),
    link: ptrCell((): StructType<MmuPage> => MmuPage),
    rcuNext: kernelName(
      'rcu_head.next',
      guardedBy(
        ptr((): StructType<MmuPage> => MmuPage),
        'kvm->rcu_callbacks_lock',
      ),
    ),
    spt: array(cell64),
  },
  { as: 'sp' },
);

/** The table that this vCPU's accesses walk: SMM has one of its own. With the TDP MMU the vCPU holds a reference to it. */
export function rootOf(vcpu: Vcpu): MmuPage {
  const kvm = vcpu.kvm as Kvm;
  if (kvm.config.tdpMmu === 1) return vcpu.root as MmuPage;
  return kvm.roots.get(kvm.config.addressSpaces > 1 ? vcpu.smm : 0) as MmuPage;
}

export function allocMmuPage(entries: number): MmuPage {
  const page = MmuPage.alloc(entries * 8);
  page.entries = entries;
  return page;
}
