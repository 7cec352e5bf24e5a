/** A page of the table that the hardware walks. */
import {
  array,
  type Cell,
  cell64,
  type Elements,
  type StructType,
  struct,
  u32Field,
  type View,
} from '@faultline/machine';

import type { Kvm, Vcpu } from '../virt/kvm.ts';

/** @kernel struct kvm_mmu_page arch/x86/kvm/mmu/mmu_internal.h */
export interface MmuPage extends View {
  entries: number;
  readonly spt: Elements<Cell<bigint>>;
}

export const MmuPage: StructType<MmuPage> = struct(
  'kvm_mmu_page',
  { entries: u32Field, spt: array(cell64) },
  { as: 'sp' },
);

/** The table that this vCPU's accesses walk: SMM has one of its own. */
export function rootOf(vcpu: Vcpu): MmuPage {
  const kvm = vcpu.kvm as Kvm;
  return kvm.roots.get(kvm.config.addressSpaces > 1 ? vcpu.smm : 0) as MmuPage;
}

export function allocMmuPage(entries: number): MmuPage {
  const page = MmuPage.alloc(entries * 8);
  page.entries = entries;
  return page;
}
