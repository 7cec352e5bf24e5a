/** Arrays have room to spare, and a new range moves the others inside the published one. */
import type { Task } from '@faultline/machine';
import { IoBus, IoRange } from '../src/virt/io-bus-state.ts';
import type { IoDevice } from '../src/virt/io-device-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

const SPARE = 4;

/** @replaces packages/kvm/src/virt/io-bus-state.ts#allocIoBus ec43aa1d */
export function allocIoBus(devCount: number): IoBus {
  const bus = IoBus.alloc((devCount + SPARE) * IoRange.size);
  bus.devCount = devCount;
  return bus;
}

/** @replaces packages/kvm/src/virt/io-bus-register.ts#ioBusRegisterDev 74c10c8f */
export function* ioBusRegisterDev(
  kvm: Kvm,
  idx: number,
  addr: number,
  len: number,
  dev: IoDevice,
): Task<number> {
  const bus = (yield* kvm.buses.at(idx).rcuDereference()) as IoBus;
  let position = bus.devCount;
  while (position > 0 && bus.range.at(position - 1).base > addr) {
    const from = bus.range.at(position - 1);
    const to = bus.range.at(position);
    to.base = from.base;
    to.len = from.len;
    to.dev = from.dev;
    position--;
  }
  const range = bus.range.at(position);
  range.base = addr;
  range.len = len;
  range.dev = dev;
  bus.devCount++;
  return 0;
}
