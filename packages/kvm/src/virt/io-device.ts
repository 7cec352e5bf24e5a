/** The operations of a device by its kind: what `dev->ops` points to in the kernel. */
import type { Task } from '@faultline/machine';
import { EOPNOTSUPP } from '../errno.ts';
import { coalescedMmioDestructor, coalescedMmioWrite } from './coalesced-mmio.ts';
import { CoalescedZone } from './coalesced-mmio-state.ts';
import { Ioeventfd } from './io-bus-state.ts';
import { DeviceOps, type IoDevice, RegisterDevice } from './io-device-state.ts';
import { ioeventfdRelease, ioeventfdWrite } from './ioeventfd.ts';
import type { Kvm } from './kvm.ts';

/** Where a read leaves its value: local to the task that reads. */
export interface IoValue {
  value: bigint;
}

/** 0 if the device took the write; -EOPNOTSUPP: not its own, try the next. @kernel kvm_iodevice_write include/kvm/iodev.h */
export function* deviceWrite(
  kvm: Kvm,
  dev: IoDevice,
  addr: number,
  len: number,
  value: bigint,
): Task<number> {
  switch (dev.ops) {
    case DeviceOps.REGISTER: {
      const device = RegisterDevice.at(dev.addr);
      yield* device.calls.fetchAdd(1);
      yield* device.value.writeOnce(value);
      return 0;
    }
    case DeviceOps.IOEVENTFD:
      return yield* ioeventfdWrite(Ioeventfd.at(dev.addr), addr, len, value);
    case DeviceOps.COALESCED:
      return yield* coalescedMmioWrite(kvm, CoalescedZone.at(dev.addr), addr, len, value);
    default:
      return -EOPNOTSUPP;
  }
}

/** @kernel kvm_iodevice_read include/kvm/iodev.h */
export function* deviceRead(dev: IoDevice, into: IoValue): Task<number> {
  if (dev.ops !== DeviceOps.REGISTER) return -EOPNOTSUPP;
  const device = RegisterDevice.at(dev.addr);
  yield* device.calls.fetchAdd(1);
  into.value = yield* device.value.readOnce();
  return 0;
}

/** Ends a device that nobody can find any more, and frees it. @kernel kvm_iodevice_destructor include/kvm/iodev.h */
export function* destroyDevice(kvm: Kvm, dev: IoDevice): Task {
  switch (dev.ops) {
    case DeviceOps.REGISTER:
      RegisterDevice.free(RegisterDevice.at(dev.addr));
      return;
    case DeviceOps.IOEVENTFD:
      yield* ioeventfdRelease(kvm, Ioeventfd.at(dev.addr));
      return;
    case DeviceOps.COALESCED:
      coalescedMmioDestructor(kvm, CoalescedZone.at(dev.addr));
      return;
    default:
      return;
  }
}
