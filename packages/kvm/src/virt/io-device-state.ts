/**
 * A device on an I/O bus. The struct stands first in whatever contains it, so the device and its container have one
 * address, and container_of() is a view of another type.
 */
import {
  type Cell,
  cell32,
  cell64,
  embed,
  type StructType,
  struct,
  u32Field,
  type View,
} from '@faultline/machine';

/** The handlers a device can have: what `ops` of struct kvm_io_device points to. */
export const DeviceOps = { NONE: 0, REGISTER: 1, IOEVENTFD: 2, COALESCED: 3 } as const;

/** @kernel struct kvm_io_device include/kvm/iodev.h */
export interface IoDevice extends View {
  ops: number;
}

export const IoDevice: StructType<IoDevice> = struct(
  'kvm_io_device',
  { ops: u32Field },
  { as: 'dev', guard: { read: [], write: ['init'] } },
);

/** A device of one 64-bit register, which counts how often it is called: the smallest device there is. */
export interface RegisterDevice extends View {
  readonly dev: IoDevice;
  readonly value: Cell<bigint>;
  readonly calls: Cell<number>;
}

export const RegisterDevice: StructType<RegisterDevice> = struct(
  'register_device',
  { dev: embed(IoDevice), value: cell64, calls: cell32 },
  { as: 'device' },
);

export function allocRegisterDevice(): RegisterDevice {
  const device = RegisterDevice.alloc();
  device.dev.ops = DeviceOps.REGISTER;
  return device;
}
