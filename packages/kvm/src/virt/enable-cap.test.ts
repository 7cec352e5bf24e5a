import { beforeEach, expect, test } from 'vitest';
import { E2BIG, EEXIST, EINVAL, ENOENT, ENXIO } from '../errno.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { setIdentityMapAddr, setTssAddr } from '../x86/tss-addr.ts';
import { Cap, checkExtension } from './capabilities.ts';
import { clearDirtyLog } from './clear-dirty-log.ts';
import { createVcpu } from './create-vcpu.ts';
import { createVm } from './create-vm.ts';
import { enableCap } from './enable-cap.ts';
import { getDirtyLog } from './get-dirty-log.ts';
import type { Kvm } from './kvm.ts';
import { setUserMemoryRegion } from './memory-region.ts';
import { KVM_MEM_LOG_DIRTY_PAGES } from './memslots.ts';

let kvm: Kvm;
beforeEach(() => {
  freshArena(1 << 20);
  kvm = runAlone(createVm({ userMemSlots: 6 }));
});

const enable = (cap: number, arg: bigint, flags = 0) => runAlone(enableCap(kvm, { cap, flags, arg }));
const logPages = (slot: number, guestPhysAddr = 0n) =>
  runAlone(
    setUserMemoryRegion(kvm, {
      slot,
      flags: KVM_MEM_LOG_DIRTY_PAGES,
      guestPhysAddr,
      memorySize: 4096n,
      userspaceAddr: 0n,
    }),
  );
const get = (slot: number) => runAlone(getDirtyLog(kvm, slot));
const clear = (slot: number) =>
  runAlone(clearDirtyLog(kvm, { slot, firstPage: 0, numPages: 1, bitmap: [1] }));

test.each([
  [0n, 0, 0],
  [1n, 0, 0],
  [3n, 0, 0],
  [2n, 0, -EINVAL],
  [4n, 0, -EINVAL],
  [1n << 32n, 0, -EINVAL],
  [1n, 1, -EINVAL],
])('KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 with argument %d and flags %d returns %d', (arg, flags, result) => {
  expect(enable(Cap.MANUAL_DIRTY_LOG_PROTECT2, arg, flags)).toBe(result);
});

test('a bitmap that is made after INITIALLY_SET has all bits, and a harvest leaves them until they are cleared', () => {
  logPages(0);
  expect(get(0)).toEqual([0]);
  enable(Cap.MANUAL_DIRTY_LOG_PROTECT2, 3n);
  logPages(1, 4096n);
  expect([get(0), get(1), get(1)]).toEqual([[0], [1], [1]]);
  expect(clear(1)).toBe(0);
  expect(get(1)).toEqual([0]);
});

test('the size of a ring is 32 bits of the argument, and flags are not looked at', () => {
  expect(enable(Cap.DIRTY_LOG_RING, 1n << 32n)).toBe(-EINVAL);
  expect(enable(Cap.DIRTY_LOG_RING_ACQ_REL, 1n << 21n)).toBe(-E2BIG);
  expect(enable(Cap.DIRTY_LOG_RING, (1n << 32n) + 4096n, 1)).toBe(0);
  expect(enable(Cap.DIRTY_LOG_RING, 4096n)).toBe(-EINVAL);
  expect([get(0), clear(0)]).toEqual([-ENXIO, -ENXIO]);
});

test('vCPU ids are limited once, and before the first vCPU', () => {
  expect(enable(Cap.MAX_VCPU_ID, 4097n)).toBe(-EINVAL);
  expect(enable(Cap.MAX_VCPU_ID, 2n, 1)).toBe(-EINVAL);
  expect(enable(Cap.MAX_VCPU_ID, 2n)).toBe(0);
  expect([enable(Cap.MAX_VCPU_ID, 2n), enable(Cap.MAX_VCPU_ID, 3n)]).toEqual([0, -EINVAL]);
  expect(runAlone(createVcpu(kvm, 2))).toBe(-EINVAL);
  expect(runAlone(createVcpu(kvm, 1))).toMatchObject({ vcpuId: 1 });
  expect(runAlone(createVcpu(kvm, 1))).toBe(-EEXIST);

  const late = runAlone(createVm());
  runAlone(createVcpu(late, 0));
  expect(runAlone(enableCap(late, { cap: Cap.MAX_VCPU_ID, flags: 0, arg: 2n }))).toBe(-EINVAL);
});

test('what cannot be enabled is refused, whether it exists or not', () => {
  expect([enable(Cap.USER_MEMORY, 0n), enable(9999, 0n)]).toEqual([-EINVAL, -EINVAL]);
});

test('dirty-log ioctls refuse a slot that user space cannot have before they look for it', () => {
  for (const slot of [6, 0xffff, 1 << 16]) expect([get(slot), clear(slot)]).toEqual([-EINVAL, -EINVAL]);
  expect([get(5), clear(5)]).toEqual([-ENOENT, -ENOENT]);
});

test('each address space has logs of its own', () => {
  kvm = runAlone(createVm({ addressSpaces: 2 }));
  logPages(1 << 16);
  expect([get(1 << 16), get(0)]).toEqual([[0], -ENOENT]);
  expect([clear(1 << 16), clear(0)]).toEqual([0, -ENOENT]);
});

test('extensions say how much there is', () => {
  const caps = [Cap.NR_MEMSLOTS, Cap.MAX_VCPUS, Cap.MAX_VCPU_ID, Cap.MULTI_ADDRESS_SPACE];
  expect(caps.map((cap) => checkExtension(kvm, cap))).toEqual([6, 8, 4096, 0]);
  expect(checkExtension(kvm, Cap.MANUAL_DIRTY_LOG_PROTECT2)).toBe(3);
  expect(checkExtension(kvm, Cap.DIRTY_LOG_RING)).toBe(1 << 20);
  expect([Cap.READONLY_MEM, 9999].map((cap) => checkExtension(kvm, cap))).toEqual([1, 0]);
});

test('a TSS fits below 4 GiB; the identity map is chosen before the first vCPU', () => {
  expect([setTssAddr(0xffff_d000n), setTssAddr(0xffff_d001n)]).toEqual([0, -EINVAL]);
  expect(runAlone(setIdentityMapAddr(kvm))).toBe(0);
  runAlone(createVcpu(kvm, 0));
  expect(runAlone(setIdentityMapAddr(kvm))).toBe(-EINVAL);
});
