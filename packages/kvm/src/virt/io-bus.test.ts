import { describe as place } from '@faultline/machine';
import { beforeEach, expect, test } from 'vitest';
import { ENOMEM, ENOSPC, EOPNOTSUPP } from '../errno.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { createVm } from './create-vm.ts';
import { ioBusRead, ioBusWrite, ioBusWriteCookie } from './io-bus.ts';
import { destroyBuses, ioBusRegisterDev, ioBusUnregisterDev } from './io-bus-register.ts';
import { type IoBus, KvmBus, NR_IOBUS_DEVS } from './io-bus-state.ts';
import { allocRegisterDevice, DeviceOps, IoDevice, type RegisterDevice } from './io-device-state.ts';
import type { Kvm } from './kvm.ts';

const { MMIO } = KvmBus;
let kvm: Kvm;

beforeEach(() => {
  freshArena(1 << 20);
  kvm = runAlone(createVm({ allocMayFail: true }), []);
});

function register(addr: number, len: number): RegisterDevice {
  const device = allocRegisterDevice();
  expect(runAlone(ioBusRegisterDev(kvm, MMIO, addr, len, device.dev))).toBe(0);
  return device;
}

const write = (addr: number, len: number, value = 1n) => runAlone(ioBusWrite(kvm, MMIO, addr, len, value));
const bases = () => {
  const bus = kvm.buses.at(MMIO).peek() as IoBus;
  return Array.from({ length: bus.devCount }, (_, i) => [bus.range.at(i).base, bus.range.at(i).len]);
};

test('a sized range takes what starts at or above it and ends inside it', () => {
  const device = register(0x1000, 8);
  expect(write(0x1000, 8)).toBe(0);
  expect(write(0x1004, 4)).toBe(0);
  expect(write(0x1004, 8)).toBe(-EOPNOTSUPP);
  expect(write(0xfff, 4)).toBe(-EOPNOTSUPP);
  expect(device.calls.peek()).toBe(2);
});

test('a range of length 0 takes its own address at any length, and nothing else', () => {
  const device = register(0x1000, 0);
  for (const len of [0, 1, 8]) expect(write(0x1000, len)).toBe(0);
  expect(write(0x1001, 1)).toBe(-EOPNOTSUPP);
  expect(device.calls.peek()).toBe(3);
});

test('ranges stand in ascending order whatever the order of registration', () => {
  for (const addr of [0x3000, 0x1000, 0x2000]) register(addr, 8);
  register(0x1000, 4);
  expect(bases()).toEqual([
    [0x1000, 4],
    [0x1000, 8],
    [0x2000, 8],
    [0x3000, 8],
  ]);
});

test('a read gets the value that was written, from the device that stands there', () => {
  register(0x1000, 8);
  register(0x2000, 8);
  write(0x2000, 8, 42n);
  const into = { value: 0n };
  expect(runAlone(ioBusRead(kvm, MMIO, 0x2000, 8, into))).toBe(0);
  expect(into.value).toBe(42n);
  expect(runAlone(ioBusRead(kvm, MMIO, 0x4000, 8, into))).toBe(-EOPNOTSUPP);
});

test('a cookie is the index that took the write, and garbage is as good as none', () => {
  register(0x1000, 8);
  const second = register(0x2000, 8);
  const cookied = (cookie: number) => runAlone(ioBusWriteCookie(kvm, MMIO, 0x2000, 8, 1n, cookie));
  for (const cookie of [-1, 0, 1, 99]) expect(cookied(cookie)).toBe(1);
  expect(second.calls.peek()).toBe(4);
  expect(runAlone(ioBusWriteCookie(kvm, MMIO, 0x9000, 8, 1n, 0))).toBe(-EOPNOTSUPP);
});

test('a device that refuses does not hide one that stands at the same address', () => {
  const none = IoDevice.alloc();
  none.ops = DeviceOps.NONE;
  runAlone(ioBusRegisterDev(kvm, MMIO, 0x1000, 8, none));
  const device = register(0x1000, 8);
  expect(write(0x1000, 8)).toBe(0);
  expect(device.calls.peek()).toBe(1);
});

test('unregistering leaves the others in order; of an absent device it does nothing', () => {
  register(0x1000, 8);
  const second = register(0x2000, 8);
  register(0x3000, 8);
  const before = kvm.buses.at(MMIO).peek();
  const stranger = allocRegisterDevice();
  expect(runAlone(ioBusUnregisterDev(kvm, MMIO, stranger.dev))).toBe(0);
  expect(kvm.buses.at(MMIO).peek()).toBe(before);
  expect(runAlone(ioBusUnregisterDev(kvm, MMIO, second.dev))).toBe(0);
  expect(bases()).toEqual([
    [0x1000, 8],
    [0x3000, 8],
  ]);
  expect(write(0x2000, 8)).toBe(-EOPNOTSUPP);
});

test('a registration without memory changes nothing', () => {
  const device = allocRegisterDevice();
  expect(runAlone(ioBusRegisterDev(kvm, MMIO, 0x1000, 8, device.dev), [1])).toBe(-ENOMEM);
  expect(write(0x1000, 8)).toBe(-EOPNOTSUPP);
});

test('unregistering without memory takes the bus down for good and destroys all devices but its own', () => {
  const target = register(0x1000, 8);
  const other = register(0x2000, 8);
  expect(runAlone(ioBusUnregisterDev(kvm, MMIO, target.dev), [1])).toBe(-ENOMEM);
  expect(kvm.buses.at(MMIO).peek()).toBeNull();
  expect([place(target.addr).freed, place(other.addr).freed]).toEqual([false, true]);
  expect(target.dev.ops).toBe(DeviceOps.REGISTER);
  expect(write(0x1000, 8)).toBe(-ENOMEM);
  expect(runAlone(ioBusRegisterDev(kvm, MMIO, 0x1000, 8, target.dev))).toBe(-ENOMEM);
  expect(runAlone(ioBusUnregisterDev(kvm, MMIO, target.dev))).toBe(0);
});

test('a bus holds a thousand devices, ioeventfds not counted', () => {
  const bus = kvm.buses.at(MMIO).peek() as IoBus;
  bus.devCount = NR_IOBUS_DEVS;
  const device = allocRegisterDevice();
  expect(runAlone(ioBusRegisterDev(kvm, MMIO, 0x1000, 8, device.dev))).toBe(-ENOSPC);
  bus.devCount = 0;
  expect(runAlone(ioBusRegisterDev(kvm, MMIO, 0x1000, 8, device.dev))).toBe(0);
});

test('destroying the VM destroys the devices that are left', () => {
  const device = register(0x1000, 8);
  runAlone(destroyBuses(kvm));
  expect(place(device.addr).freed).toBe(true);
  expect(kvm.buses.at(MMIO).peek()).toBeNull();
  expect(write(0x1000, 8)).toBe(-ENOMEM);
});
