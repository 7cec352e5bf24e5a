/** What coalesced MMIO is made of. The code: coalesced-mmio.ts (handler), coalesced-mmio-ioctl.ts (zones). */
import {
  array,
  type Cell,
  cell32,
  type Elements,
  embed,
  guardedBy,
  kernelName,
  ptr,
  type StructType,
  struct,
  u32Field,
  u53Field,
  u64Field,
  type View,
} from '@faultline/machine';
import { IoDevice } from './io-device-state.ts';

/** Entries that fit a page beside the two indices. @kernel KVM_COALESCED_MMIO_MAX include/uapi/linux/kvm.h */
export const KVM_COALESCED_MMIO_MAX = 170;

/** One write of the guest. @kernel struct kvm_coalesced_mmio include/uapi/linux/kvm.h */
export interface CoalescedEntry extends View {
  physAddr: number;
  len: number;
  pio: number;
  data: bigint;
}

export const CoalescedEntry: StructType<CoalescedEntry> = struct(
  'kvm_coalesced_mmio',
  { physAddr: u53Field, len: u32Field, pio: u32Field, data: u64Field },
  { as: 'entry' },
);

/**
 * A batch of writes, in a page that user space maps. User space moves `first`, the kernel moves `last`; entries from
 * first up to last are user space's, the others the kernel's, and one always stays free, so that full is not empty.
 *
 * @kernel struct kvm_coalesced_mmio_ring include/uapi/linux/kvm.h
 */
export interface CoalescedRing extends View {
  readonly first: Cell<number>;
  readonly last: Cell<number>;
  readonly entries: Elements<CoalescedEntry>;
}

export const CoalescedRing: StructType<CoalescedRing> = struct(
  'kvm_coalesced_mmio_ring',
  { first: cell32, last: cell32, entries: kernelName('coalesced_mmio', array(embed(CoalescedEntry))) },
  { as: 'ring' },
);

/** @kernel struct kvm_coalesced_mmio_dev virt/kvm/coalesced_mmio.h */
export interface CoalescedZone extends View {
  readonly dev: IoDevice;
  /** Next in kvm->coalesced_zones. */
  next: CoalescedZone | null;
  base: number;
  size: number;
  pio: number;
}

export const CoalescedZone: StructType<CoalescedZone> = struct(
  'kvm_coalesced_mmio_dev',
  {
    dev: embed(IoDevice),
    next: guardedBy(
      ptr((): StructType<CoalescedZone> => CoalescedZone),
      'kvm->slots_lock',
    ),
    base: kernelName('zone.addr', u53Field),
    size: kernelName('zone.size', u32Field),
    pio: kernelName('zone.pio', u32Field),
  },
  { as: 'zone', guard: { read: [], write: ['init'] } },
);
