/** What I/O buses are made of. The code: io-bus.ts (readers), io-bus-register.ts (writers), io-device.ts (handlers). */
import {
  array,
  type Elements,
  embed,
  guardedBy,
  kernelName,
  ptr,
  type StructType,
  struct,
  u8Field,
  u32Field,
  u53Field,
  u64Field,
  type View,
} from '@faultline/machine';
import { Eventfd } from './eventfd.ts';
import { IoDevice } from './io-device-state.ts';

/** Index into kvm->buses. @kernel enum kvm_bus include/linux/kvm_host.h */
export const KvmBus = { MMIO: 0, PIO: 1, VIRTIO_CCW_NOTIFY: 2, FAST_MMIO: 3 } as const;
/** @kernel KVM_NR_BUSES include/linux/kvm_host.h */
export const KVM_NR_BUSES = 4;
/** At most this many devices a bus, ioeventfds not counted. @kernel NR_IOBUS_DEVS include/linux/kvm_host.h */
export const NR_IOBUS_DEVS = 1000;

/** An array of ranges never changes once a vCPU can find it; its copy does, before it is published. */
const BUS_GUARD = { read: ['kvm->srcu', 'kvm->slots_lock'], write: ['kvm->slots_lock'] };

/** @kernel struct kvm_io_range include/linux/kvm_host.h */
export interface IoRange extends View {
  base: number;
  /** Bytes; 0 answers for an access of any length at `base`. */
  len: number;
  dev: IoDevice | null;
}

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
  /** How many of them are ioeventfds. The one field that changes after publication; only writers look at it. */
  ioeventfdCount: number;
  /** Ascending by address. */
  readonly range: Elements<IoRange>;
}

export const IoBus: StructType<IoBus> = struct(
  'kvm_io_bus',
  { devCount: u32Field, ioeventfdCount: u32Field, range: array(embed(IoRange)) },
  { as: 'bus', guard: BUS_GUARD },
);

/** An empty bus with room for `devCount` devices. */
export function allocIoBus(devCount: number): IoBus {
  const bus = IoBus.alloc(devCount * IoRange.size);
  bus.devCount = devCount;
  return bus;
}

/** A guest write to `addr` that signals an eventfd. @kernel struct _ioeventfd virt/kvm/eventfd.c */
export interface Ioeventfd extends View {
  readonly dev: IoDevice;
  /** Next in kvm->ioeventfds. */
  next: Ioeventfd | null;
  eventfd: Eventfd | null;
  addr64: bigint;
  /** `addr64`, as a number: where the bus finds it. */
  base: number;
  /** 0: writes of any length. */
  length: number;
  busIdx: number;
  /** 1: any value; 0: only `datamatch`. */
  wildcard: number;
  datamatch: bigint;
}

export const Ioeventfd: StructType<Ioeventfd> = struct(
  '_ioeventfd',
  {
    dev: embed(IoDevice),
    next: guardedBy(
      ptr((): StructType<Ioeventfd> => Ioeventfd),
      'kvm->slots_lock',
    ),
    eventfd: ptr((): StructType<Eventfd> => Eventfd),
    addr64: kernelName('addr', u64Field),
    base: u53Field,
    length: u32Field,
    busIdx: u8Field,
    wildcard: u8Field,
    datamatch: u64Field,
  },
  { as: 'p', guard: { read: [], write: ['init'] } },
);
