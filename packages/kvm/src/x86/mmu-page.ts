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

export function allocMmuPage(entries: number): MmuPage {
  const page = MmuPage.alloc(entries * 8);
  page.entries = entries;
  return page;
}
