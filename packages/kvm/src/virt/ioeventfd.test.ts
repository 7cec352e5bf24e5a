import { describe as place } from '@faultline/machine';
import { beforeEach, expect, test } from 'vitest';
import { EBADF, EEXIST, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP } from '../errno.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { createVm } from './create-vm.ts';
import { Eventfd, openEventfd } from './eventfd.ts';
import { ioBusWrite } from './io-bus.ts';
import { type IoBus, KvmBus } from './io-bus-state.ts';
import {
  KVM_IOEVENTFD_FLAG_DATAMATCH as DATAMATCH,
  KVM_IOEVENTFD_FLAG_DEASSIGN as DEASSIGN,
  type IoeventfdArgs,
  ioctlIoeventfd,
  KVM_IOEVENTFD_FLAG_PIO as PIO,
} from './ioeventfd-ioctl.ts';
import type { Kvm } from './kvm.ts';

let kvm: Kvm;
let eventfd: Eventfd;

beforeEach(() => {
  freshArena();
  kvm = runAlone(createVm({ allocMayFail: true }));
  eventfd = openEventfd();
});

const ioctl = (args: Partial<IoeventfdArgs>, choices: number[] = []) =>
  runAlone(
    ioctlIoeventfd(kvm, { datamatch: 0n, addr: 0x1000n, len: 4, fd: eventfd.addr, flags: 0, ...args }),
    choices,
  );
const write = (value: bigint, len = 4, idx: number = KvmBus.MMIO) =>
  runAlone(ioBusWrite(kvm, idx, 0x1000, len, value));

test('bad arguments are refused before the descriptor is looked at', () => {
  expect(ioctl({ len: 3, fd: 0 })).toBe(-EINVAL);
  expect(ioctl({ addr: 0xffff_ffff_ffff_fffcn, len: 8, fd: 0 })).toBe(-EINVAL);
  expect(ioctl({ flags: 1 << 5, fd: 0 })).toBe(-EINVAL);
  // The fifth flag has no name, and is let through.
  expect(ioctl({ flags: 1 << 4, fd: 0 })).toBe(-EBADF);
  expect(ioctl({ len: 0, flags: DATAMATCH, fd: 0 })).toBe(-EINVAL);
  expect(ioctl({ fd: 0 })).toBe(-EBADF);
  expect(ioctl({ fd: kvm.addr })).toBe(-EINVAL);
});

test('a write that matches raises the counter by one; another goes to user space', () => {
  expect(ioctl({ flags: DATAMATCH, datamatch: 7n })).toBe(0);
  expect(write(7n)).toBe(0);
  expect(write(8n)).toBe(-EOPNOTSUPP);
  expect(write(7n, 2)).toBe(-EOPNOTSUPP);
  expect(eventfd.count.peek()).toBe(1);
});

test('one that could be meant for two is a collision', () => {
  expect(ioctl({ flags: DATAMATCH, datamatch: 7n })).toBe(0);
  expect(ioctl({ flags: DATAMATCH, datamatch: 8n })).toBe(0);
  expect(ioctl({ flags: DATAMATCH, datamatch: 7n })).toBe(-EEXIST);
  expect(ioctl({})).toBe(-EEXIST);
  expect(ioctl({ len: 0 })).toBe(-EEXIST);
  expect(ioctl({ len: 2 })).toBe(0);
  expect(ioctl({ flags: PIO })).toBe(0);
  expect(ioctl({ addr: 0x2000n })).toBe(0);
});

test('deassign wants the very same arguments, and then nothing is signalled', () => {
  ioctl({ flags: DATAMATCH, datamatch: 7n });
  expect(ioctl({ flags: DEASSIGN })).toBe(-ENOENT);
  expect(ioctl({ flags: DEASSIGN | DATAMATCH, datamatch: 8n })).toBe(-ENOENT);
  expect(ioctl({ flags: DEASSIGN | DATAMATCH, datamatch: 7n, len: 2 })).toBe(-ENOENT);
  expect(ioctl({ flags: DEASSIGN | DATAMATCH, datamatch: 7n })).toBe(0);
  expect(write(7n)).toBe(-EOPNOTSUPP);
  expect(kvm.ioeventfds).toBeNull();
  expect((kvm.buses.at(KvmBus.MMIO).peek() as IoBus).ioeventfdCount).toBe(0);
  expect(eventfd.kref.peek()).toBe(1);
});

test('without a length it stands on the fast bus too', () => {
  expect(ioctl({ len: 0 })).toBe(0);
  expect(write(0n, 0, KvmBus.FAST_MMIO)).toBe(0);
  expect(write(0n, 8)).toBe(0);
  expect(eventfd.count.peek()).toBe(2);
  expect(ioctl({ len: 0, flags: DEASSIGN })).toBe(0);
  expect(write(0n, 0, KvmBus.FAST_MMIO)).toBe(-EOPNOTSUPP);
});

test('a failure on the fast bus takes the first registration back', () => {
  // Allocations in order: the ioeventfd and its bus, then the second ioeventfd.
  expect(ioctl({ len: 0 }, [0, 0, 1])).toBe(-ENOMEM);
  expect(kvm.ioeventfds).toBeNull();
  expect(write(0n, 8)).toBe(-EOPNOTSUPP);
  expect(eventfd.kref.peek()).toBe(1);
});

test('the counter lives as long as the descriptor or an ioeventfd does', () => {
  ioctl({});
  eventfd.kref.poke(eventfd.kref.peek() - 1);
  expect(write(1n)).toBe(0);
  ioctl({ flags: DEASSIGN });
  expect(place(eventfd.addr).freed).toBe(true);
  expect(Eventfd.at(eventfd.addr)).toBe(eventfd);
});

test('an address that no guest reaches can be assigned and is told apart from others', () => {
  expect(ioctl({ addr: 0xffff_0000_0000_0000n })).toBe(0);
  expect(ioctl({ addr: 0xffff_0000_0000_0000n })).toBe(-EEXIST);
  expect(ioctl({ addr: 0xffff_0000_0000_0008n })).toBe(0);
  expect(ioctl({ addr: 0xffff_0000_0000_0000n, flags: DEASSIGN })).toBe(0);
});
