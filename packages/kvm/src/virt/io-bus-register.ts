/**
 * @area io
 *
 * Changing what stands on a bus. A vCPU may be walking the array of ranges, and a device of it may be running, so a
 * writer never touches a published array: it publishes a changed copy and waits until no read section that began before
 * can still be using the old one. All of this is under kvm->slots_lock, which the caller holds.
 */
import { at, type Task } from '@faultline/machine';
import { ENOMEM, ENOSPC } from '../errno.ts';
import { kmallocFails } from '../host/kmalloc.ts';
import { compareRange } from './io-bus.ts';
import { allocIoBus, IoBus, type IoRange, KVM_NR_BUSES, NR_IOBUS_DEVS } from './io-bus-state.ts';
import { destroyDevice } from './io-device.ts';
import type { IoDevice } from './io-device-state.ts';
import type { Kvm } from './kvm.ts';

/** Gives the VM its buses, all empty; 0 or -ENOMEM. @kernel kvm_create_vm virt/kvm/kvm_main.c */
export function* initBuses(kvm: Kvm): Task<number> {
  for (let idx = 0; idx < KVM_NR_BUSES; idx++) {
    if (yield* kmallocFails(kvm, 'kvm_io_bus')) return -ENOMEM;
    yield* kvm.buses.at(idx).assign(allocIoBus(0));
  }
  return 0;
}

/**
 * Puts a device on a bus, for accesses inside `addr` .. `addr + len`; when it returns 0, the next exit finds it. The
 * errors are -ENOMEM (also if the bus is gone) and -ENOSPC.
 *
 * @kernel kvm_io_bus_register_dev virt/kvm/kvm_main.c
 */
export function* ioBusRegisterDev(
  kvm: Kvm,
  idx: number,
  addr: number,
  len: number,
  dev: IoDevice,
): Task<number> {
  const old = yield* kvm.buses.at(idx).rcuDereference();
  if (old === null) return -ENOMEM;
  // An ioeventfd costs user space a file descriptor, which limits them already.
  if (old.devCount - old.ioeventfdCount > NR_IOBUS_DEVS - 1) return -ENOSPC;
  if (yield* kmallocFails(kvm, 'kvm_io_bus')) return -ENOMEM;
  const bus = copyWith(old, addr, len, dev);
  // Pairs with the rcuDereference of readers: whoever finds the array finds it filled.
  yield* kvm.buses.at(idx).assign(bus, at('io.publish_bus_with_device'));
  register_waits_for_readers: yield* kvm.srcu.synchronize();
  IoBus.free(old);
  return 0;
}

/**
 * Takes a device off a bus. When it returns, no vCPU runs the device or can find it, whatever the result: the caller
 * frees it. On -ENOMEM the bus is gone for good, and every other device of it has been destroyed.
 *
 * @kernel kvm_io_bus_unregister_dev virt/kvm/kvm_main.c
 */
export function* ioBusUnregisterDev(kvm: Kvm, idx: number, dev: IoDevice): Task<number> {
  const old = yield* kvm.buses.at(idx).rcuDereference();
  if (old === null) return 0;
  const position = positionOf(old, dev);
  if (position < 0) return 0;
  const failed = yield* kmallocFails(kvm, 'kvm_io_bus');
  // The device must go even if there is no memory for a bus without it: then all the others go too.
  const bus = failed ? null : copyWithout(old, position);
  yield* kvm.buses.at(idx).assign(bus, at('io.publish_bus_without_device'));
  unregister_waits_for_readers: yield* kvm.srcu.synchronize();
  if (failed) {
    // Only now: a vCPU may have been in any of them. Not the target, which the caller frees.
    destroy_stranded_devices: yield* destroyAllBut(kvm, old, dev);
  }
  IoBus.free(old);
  return failed ? -ENOMEM : 0;
}

/** Ends all devices and buses of a VM that has no vCPU left. @kernel kvm_destroy_vm, kvm_io_bus_destroy virt/kvm/kvm_main.c */
export function* destroyBuses(kvm: Kvm): Task {
  for (let idx = 0; idx < KVM_NR_BUSES; idx++) {
    const bus = yield* kvm.buses.at(idx).readOnce();
    if (bus === null) continue;
    yield* destroyAllBut(kvm, bus, null);
    IoBus.free(bus);
    yield* kvm.buses.at(idx).writeOnce(null);
  }
}

/** Runs the destructors of what stood on a bus that nobody can find any more. */
export function* destroyAllBut(kvm: Kvm, bus: IoBus, spared: IoDevice | null): Task {
  for (let i = 0; i < bus.devCount; i++) {
    const dev = bus.range.at(i).dev as IoDevice;
    if (dev !== spared) yield* destroyDevice(kvm, dev);
  }
}

/** A copy with one range more, behind those that it does not come before. */
export function copyWith(old: IoBus, addr: number, len: number, dev: IoDevice): IoBus {
  const bus = allocIoBus(old.devCount + 1);
  bus.ioeventfdCount = old.ioeventfdCount;
  let position = 0;
  while (position < old.devCount && !standsBehind(old.range.at(position), addr, len)) position++;
  for (let i = 0; i < position; i++) copyRange(bus.range.at(i), old.range.at(i));
  const range = bus.range.at(position);
  range.base = addr;
  range.len = len;
  range.dev = dev;
  for (let i = position; i < old.devCount; i++) copyRange(bus.range.at(i + 1), old.range.at(i));
  return bus;
}

/** A copy with one range less. */
export function copyWithout(old: IoBus, position: number): IoBus {
  const bus = allocIoBus(old.devCount - 1);
  bus.ioeventfdCount = old.ioeventfdCount;
  for (let i = 0; i < bus.devCount; i++) copyRange(bus.range.at(i), old.range.at(i < position ? i : i + 1));
  return bus;
}

/** Index of a device on a bus, or -1. */
export function positionOf(bus: IoBus, dev: IoDevice): number {
  for (let i = 0; i < bus.devCount; i++) if (bus.range.at(i).dev === dev) return i;
  return -1;
}

/** The registered range as the key, compared with the new one: the reverse of a lookup. */
function standsBehind(range: IoRange, addr: number, len: number): boolean {
  return compareRange(range.base, range.len, addr, len) > 0;
}

function copyRange(to: IoRange, from: IoRange): void {
  to.base = from.base;
  to.len = from.len;
  to.dev = from.dev;
}
