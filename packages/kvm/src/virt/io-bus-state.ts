/** What I/O buses are made of. The code is in io-bus.ts and ioeventfd.ts. */
import {
  array,
  type Cell,
  cell32,
  cell64,
  type Elements,
  embed,
  guardedBy,
  kernelName,
  ptr,
  type StructType,
  struct,
  u32Field,
  u53Field,
  type View,
} from '@faultline/machine';
import { CoalescedZone } from './coalesced-mmio-state.ts';

/** Index into kvm->buses. @kernel enum kvm_bus include/linux/kvm_host.h */
export const KvmBus = { MMIO: 0, PIO: 1, VIRTIO_CCW_NOTIFY: 2, FAST_MMIO: 3 } as const;
/** The handlers a device can have: what `ops` of struct kvm_io_device points to. */
export const DeviceOps = { NONE: 0, REGISTER: 1, IOEVENTFD: 2, COALESCED: 3 } as const;

/** @kernel struct kvm_io_device include/kvm/iodev.h */
export interface IoDevice extends View {
  ops: number;
  /** REGISTER: a device of one 64-bit register, for tests and demonstrations. */
  readonly register: Cell<bigint>;
  readonly calls: Cell<number>;
  ioeventfd: Ioeventfd | null;
  zone: CoalescedZone | null;
}

export const IoDevice: StructType<IoDevice> = struct(
  'kvm_io_device',
  {
    ops: u32Field,
    register: cell64,
    calls: cell32,
    ioeventfd: ptr((): StructType<Ioeventfd> => Ioeventfd),
    zone: ptr((): StructType<CoalescedZone> => CoalescedZone),
  },
  { as: 'dev' },
);

/** @kernel struct kvm_io_range include/linux/kvm_host.h */
export interface IoRange extends View {
  base: number;
  len: number;
  dev: IoDevice | null;
}

/** Immutable once published, but for ioeventfd_count. */
const BUS_GUARD = { read: ['kvm->srcu', 'kvm->slots_lock'], write: ['kvm->slots_lock'] };

export const IoRange: StructType<IoRange> = struct(
  'kvm_io_range',
  {
    base: kernelName('addr', u53Field),
    len: u32Field,
    dev: ptr((): StructType<IoDevice> => IoDevice),
  },
  { as: 'range', guard: BUS_GUARD },
);

/** @kernel struct kvm_io_bus include/linux/kvm_host.h */
export interface IoBus extends View {
  devCount: number;
  ioeventfdCount: number;
  readonly range: Elements<IoRange>;
}

export const IoBus: StructType<IoBus> = struct(
  'kvm_io_bus',
  { devCount: u32Field, ioeventfdCount: u32Field, range: array(embed(IoRange)) },
  { as: 'bus', guard: BUS_GUARD },
);

/** @kernel struct _ioeventfd virt/kvm/eventfd.c */
export interface Ioeventfd extends View {
  next: Ioeventfd | null;
  /** The eventfd's counter: what ioeventfd_write signals. */
  readonly count: Cell<number>;
}

export const Ioeventfd: StructType<Ioeventfd> = struct(
  '_ioeventfd',
  {
    next: guardedBy(
      ptr((): StructType<Ioeventfd> => Ioeventfd),
      'kvm->slots_lock',
    ),
    count: cell32,
  },
  { as: 'p' },
);
