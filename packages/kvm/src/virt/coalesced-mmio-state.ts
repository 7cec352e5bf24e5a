/** What coalesced MMIO is made of. The code is in coalesced-mmio.ts. */
import {
  type Cell,
  cell32,
  guardedBy,
  ptr,
  type StructType,
  struct,
  u32Field,
  u53Field,
  type View,
} from '@faultline/machine';

/** One batch of writes, shared with user space. @kernel struct kvm_coalesced_mmio_ring include/uapi/linux/kvm.h */
export interface CoalescedRing extends View {
  readonly first: Cell<number>;
  readonly last: Cell<number>;
}

export const CoalescedRing: StructType<CoalescedRing> = struct(
  'kvm_coalesced_mmio_ring',
  { first: cell32, last: cell32 },
  { as: 'ring' },
);

/** @kernel struct kvm_coalesced_mmio_dev virt/kvm/coalesced_mmio.h */
export interface CoalescedZone extends View {
  next: CoalescedZone | null;
  base: number;
  size: number;
  pio: number;
}

export const CoalescedZone: StructType<CoalescedZone> = struct(
  'kvm_coalesced_mmio_dev',
  {
    next: guardedBy(
      ptr((): StructType<CoalescedZone> => CoalescedZone),
      'kvm->slots_lock',
    ),
    base: u53Field,
    size: u32Field,
    pio: u32Field,
  },
  { as: 'zone' },
);
