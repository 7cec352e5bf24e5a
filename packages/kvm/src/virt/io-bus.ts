/**
 * @area io
 *
 * What an exit does before it bothers user space: look the address up on a bus, and call the devices that stand there
 * until one takes the access. Callers are inside a read section of kvm->srcu; devices run inside it too.
 *
 * Results are 0, or a negative errno: -EOPNOTSUPP if no device took the access, -ENOMEM if the bus is gone.
 */
import type { Task } from '@faultline/machine';
import { ENOMEM, EOPNOTSUPP } from '../errno.ts';
import type { IoBus } from './io-bus-state.ts';
import { deviceRead, deviceWrite, type IoValue } from './io-device.ts';
import type { IoDevice } from './io-device-state.ts';
import type { Kvm } from './kvm.ts';

/** A guest's write of `len` bytes at `addr` to one of kvm->buses. @kernel kvm_io_bus_write virt/kvm/kvm_main.c */
export function* ioBusWrite(kvm: Kvm, idx: number, addr: number, len: number, value: bigint): Task<number> {
  const bus = yield* kvm.buses.at(idx).rcuDereference();
  if (bus === null) return -ENOMEM;
  const found = yield* writeFirstTaker(kvm, bus, addr, len, value);
  if (found < 0) return found;
  return 0;
}

/**
 * The same for a caller that remembers where the last write went. Returns the cookie to try first next time (not
 * negative), or a negative errno. A cookie is a hint: the bus may have been replaced since.
 *
 * @kernel kvm_io_bus_write_cookie virt/kvm/kvm_main.c
 */
export function* ioBusWriteCookie(
  kvm: Kvm,
  idx: number,
  addr: number,
  len: number,
  value: bigint,
  cookie: number,
): Task<number> {
  const bus = yield* kvm.buses.at(idx).rcuDereference();
  if (bus === null) return -ENOMEM;
  let hint = cookie >= 0 && cookie < bus.devCount ? cookie : -1;
  // The index may name another device by now.
  recheck_cookie: if (hint >= 0 && !answers(bus, hint, addr, len)) hint = -1;
  if (hint >= 0) {
    const dev = bus.range.at(hint).dev as IoDevice;
    if ((yield* deviceWrite(kvm, dev, addr, len, value)) === 0) return hint;
  }
  return yield* writeFirstTaker(kvm, bus, addr, len, value);
}

/** A guest's read of `len` bytes at `addr`; the value goes to `into`. @kernel kvm_io_bus_read virt/kvm/kvm_main.c */
export function* ioBusRead(kvm: Kvm, idx: number, addr: number, len: number, into: IoValue): Task<number> {
  const bus = yield* kvm.buses.at(idx).rcuDereference();
  if (bus === null) return -ENOMEM;
  for (let i = firstDevice(bus, addr, len); i >= 0 && answers(bus, i, addr, len); i++) {
    const dev = bus.range.at(i).dev as IoDevice;
    if ((yield* deviceRead(dev, into)) === 0) return 0;
  }
  return -EOPNOTSUPP;
}

/** Index of the range whose device took the write, or -EOPNOTSUPP. @kernel __kvm_io_bus_write virt/kvm/kvm_main.c */
export function* writeFirstTaker(
  kvm: Kvm,
  bus: IoBus,
  addr: number,
  len: number,
  value: bigint,
): Task<number> {
  // Several devices may share an address (ioeventfds that wait for different values); each may refuse.
  for (let i = firstDevice(bus, addr, len); i >= 0 && answers(bus, i, addr, len); i++) {
    const dev = bus.range.at(i).dev as IoDevice;
    if ((yield* deviceWrite(kvm, dev, addr, len, value)) === 0) return i;
  }
  return -EOPNOTSUPP;
}

/**
 * Compares an access (or a new range) with a registered range. A range with a length answers for what starts at or
 * above it and ends inside it; one of length 0 answers for its own address alone.
 *
 * @kernel kvm_io_bus_cmp virt/kvm/kvm_main.c
 */
export function compareRange(addr: number, len: number, base: number, rangeLen: number): -1 | 0 | 1 {
  if (addr < base) return -1;
  if (rangeLen === 0) return addr > base ? 1 : 0;
  return addr + len > base + rangeLen ? 1 : 0;
}

/** Lowest index whose range answers for the access, or -EOPNOTSUPP. @kernel kvm_io_bus_get_first_dev virt/kvm/kvm_main.c */
export function firstDevice(bus: IoBus, addr: number, len: number): number {
  let start = 0;
  let end = bus.devCount;
  while (start < end) {
    let middle = (start + end) >>> 1;
    const range = bus.range.at(middle);
    const order = compareRange(addr, len, range.base, range.len);
    if (order === 0) {
      // The search lands on any of several equal ranges.
      first_of_equal_ranges: while (middle > 0 && answers(bus, middle - 1, addr, len)) middle--;
      return middle;
    }
    if (order < 0) end = middle;
    else start = middle + 1;
  }
  return -EOPNOTSUPP;
}

function answers(bus: IoBus, index: number, addr: number, len: number): boolean {
  if (index >= bus.devCount) return false;
  const range = bus.range.at(index);
  return compareRange(addr, len, range.base, range.len) === 0;
}
