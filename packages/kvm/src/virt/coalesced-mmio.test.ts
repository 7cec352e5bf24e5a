import { describe as place } from '@faultline/machine';
import { beforeEach, expect, test } from 'vitest';
import { EINVAL, ENOMEM, EOPNOTSUPP } from '../errno.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { ioctlRegisterCoalescedMmio, ioctlUnregisterCoalescedMmio } from './coalesced-mmio-ioctl.ts';
import { CoalescedEntry, type CoalescedRing, KVM_COALESCED_MMIO_MAX } from './coalesced-mmio-state.ts';
import { createVm } from './create-vm.ts';
import { ioBusWrite } from './io-bus.ts';
import { KvmBus } from './io-bus-state.ts';
import type { Kvm } from './kvm.ts';

let kvm: Kvm;
let ring: CoalescedRing;

beforeEach(() => {
  freshArena();
  kvm = runAlone(createVm({ allocMayFail: true, coalescedMmioMax: 3 }));
  ring = kvm.coalescedMmioRing as CoalescedRing;
});

const register = (addr: number, size: number, pio = 0) =>
  runAlone(ioctlRegisterCoalescedMmio(kvm, { addr, size, pio }));
const unregister = (addr: number, size: number, pio = 0, choices: number[] = []) =>
  runAlone(ioctlUnregisterCoalescedMmio(kvm, { addr, size, pio }), choices);
const write = (addr: number, value: bigint, len = 4, idx: number = KvmBus.MMIO) =>
  runAlone(ioBusWrite(kvm, idx, addr, len, value));

test('the ring of a real VM fills one page', () => {
  expect(8 + KVM_COALESCED_MMIO_MAX * CoalescedEntry.size).toBeLessThanOrEqual(4096);
  expect(8 + (KVM_COALESCED_MMIO_MAX + 1) * CoalescedEntry.size).toBeGreaterThan(4096);
});

test('writes to a zone stand in the ring in order; the last free entry stays free', () => {
  expect(register(0x1000, 0x100)).toBe(0);
  expect(write(0x1000, 1n)).toBe(0);
  expect(write(0x10fc, 2n)).toBe(0);
  expect(write(0x1000, 3n)).toBe(-EOPNOTSUPP);
  const entries = [0, 1].map((i) => ring.entries.at(i));
  expect(entries.map((e) => [e.physAddr, e.len, e.data, e.pio])).toEqual([
    [0x1000, 4, 1n, 0],
    [0x10fc, 4, 2n, 0],
  ]);
  ring.first.poke(1);
  expect(write(0x1000, 3n)).toBe(0);
  expect(ring.last.peek()).toBe(0);
});

test('an access that is not wholly inside the zone goes to user space', () => {
  register(0x1000, 0x100);
  expect(write(0x10fe, 1n)).toBe(-EOPNOTSUPP);
  expect(ring.last.peek()).toBe(0);
});

test('nonsense in the index that user space can write is refused', () => {
  register(0x1000, 0x100);
  for (const last of [3, 170, 0xffff_ffff]) {
    ring.last.poke(last);
    expect(write(0x1000, 1n)).toBe(-EOPNOTSUPP);
  }
});

test('a zone of ports is a zone of its own, and other kinds there are not', () => {
  expect(register(0x60, 1, 2)).toBe(-EINVAL);
  expect(unregister(0x60, 1, 2)).toBe(-EINVAL);
  expect(register(0x60, 1, 1)).toBe(0);
  expect(write(0x60, 5n, 1, KvmBus.PIO)).toBe(0);
  expect(ring.entries.at(0).pio).toBe(1);
  expect(write(0x60, 5n, 1)).toBe(-EOPNOTSUPP);
});

test('unregistering ends every zone that contains the range, and answers 0 even for none', () => {
  register(0x1000, 0x100);
  register(0x1000, 0x200);
  register(0x2000, 0x100);
  expect(unregister(0x1000, 0x100)).toBe(0);
  expect(write(0x1000, 1n)).toBe(-EOPNOTSUPP);
  expect(write(0x2000, 1n)).toBe(0);
  expect(unregister(0x9000, 1)).toBe(0);
});

test('without memory for a smaller bus all its zones go, each freed once', () => {
  register(0x1000, 0x100);
  register(0x1000, 0x200);
  const zones = [kvm.coalescedZones, kvm.coalescedZones?.next].map((zone) => zone?.addr as number);
  expect(unregister(0x1000, 0x100, 0, [1])).toBe(0);
  expect(kvm.coalescedZones).toBeNull();
  expect(zones.map((addr) => place(addr).freed)).toEqual([true, true]);
});

test('a zone without memory is not registered', () => {
  for (const choices of [[1], [0, 1]]) {
    expect(runAlone(ioctlRegisterCoalescedMmio(kvm, { addr: 0, size: 8, pio: 0 }), choices)).toBe(-ENOMEM);
  }
  expect(kvm.coalescedZones).toBeNull();
});
