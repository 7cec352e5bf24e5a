/**
 * @area io
 *
 * KVM_IOEVENTFD: user space asks that a guest's write to an address signal an eventfd, or takes that back.
 */
import type { Task } from '@faultline/machine';
import { EEXIST, EINVAL, ENOENT, ENOMEM } from '../errno.ts';
import { kmallocFails } from '../host/kmalloc.ts';
import { type Eventfd, eventfdCtxFdget, eventfdCtxPut } from './eventfd.ts';
import { ioBusRegisterDev, ioBusUnregisterDev } from './io-bus-register.ts';
import { type IoBus, Ioeventfd, KvmBus } from './io-bus-state.ts';
import { DeviceOps } from './io-device-state.ts';
import { ioeventfdRelease } from './ioeventfd.ts';
import type { Kvm } from './kvm.ts';

export const KVM_IOEVENTFD_FLAG_DATAMATCH = 1 << 0;
export const KVM_IOEVENTFD_FLAG_PIO = 1 << 1;
export const KVM_IOEVENTFD_FLAG_DEASSIGN = 1 << 2;
export const KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY = 1 << 3;
/** One more than have a name: the header numbers a bus that user space never asks for. @kernel KVM_IOEVENTFD_VALID_FLAG_MASK include/uapi/linux/kvm.h */
const VALID_FLAGS = 0x1f;

/** @kernel struct kvm_ioeventfd include/uapi/linux/kvm.h */
export interface IoeventfdArgs {
  readonly datamatch: bigint;
  readonly addr: bigint;
  /** 1, 2, 4 or 8 bytes; 0: writes of any length. */
  readonly len: number;
  /** The eventfd: its address in the model. */
  readonly fd: number;
  readonly flags: number;
}

/** The ioctl: 0 or a negative errno. @kernel kvm_ioeventfd virt/kvm/eventfd.c */
export function* ioctlIoeventfd(kvm: Kvm, args: IoeventfdArgs): Task<number> {
  if ((args.flags & KVM_IOEVENTFD_FLAG_DEASSIGN) !== 0) return yield* deassignIoeventfd(kvm, args);
  return yield* assignIoeventfd(kvm, args);
}

/** @kernel kvm_assign_ioeventfd virt/kvm/eventfd.c */
function* assignIoeventfd(kvm: Kvm, args: IoeventfdArgs): Task<number> {
  const { addr, len, flags } = args;
  if (len !== 0 && len !== 1 && len !== 2 && len !== 4 && len !== 8) return -EINVAL;
  if (BigInt.asUintN(64, addr + BigInt(len)) < addr) return -EINVAL;
  if ((flags & ~VALID_FLAGS) !== 0) return -EINVAL;
  if (len === 0 && (flags & KVM_IOEVENTFD_FLAG_DATAMATCH) !== 0) return -EINVAL;

  const idx = busFromFlags(flags);
  const result = yield* assignIoeventfdIdx(kvm, idx, args);
  if (result !== 0 || len !== 0 || idx !== KvmBus.MMIO) return result;

  // Without a length the exit need not be decoded, so such an address stands on a bus of its own as well.
  const fast = yield* assignIoeventfdIdx(kvm, KvmBus.FAST_MMIO, args);
  if (fast !== 0) yield* deassignIoeventfdIdx(kvm, idx, args);
  return fast;
}

/** @kernel kvm_assign_ioeventfd_idx virt/kvm/eventfd.c */
export function* assignIoeventfdIdx(kvm: Kvm, idx: number, args: IoeventfdArgs): Task<number> {
  const eventfd = yield* eventfdCtxFdget(args.fd);
  if (typeof eventfd === 'number') return eventfd;
  if (yield* kmallocFails(kvm, '_ioeventfd')) {
    yield* eventfdCtxPut(eventfd);
    return -ENOMEM;
  }
  const p = makeIoeventfd(idx, args, eventfd);

  // From the check for a collision to the published bus: no other ioeventfd may come between.
  assign_holds_slots_lock: yield* kvm.slotsLock.lock();
  let result = collides(kvm, p) ? -EEXIST : 0;
  if (result === 0) result = yield* registerIoeventfd(kvm, idx, p);
  if (result === 0) append(kvm, p);
  assign_holds_slots_lock: yield* kvm.slotsLock.unlock();

  if (result !== 0) {
    Ioeventfd.free(p);
    yield* eventfdCtxPut(eventfd);
  }
  return result;
}

/** Puts it on the bus, and counts it there. Under slots_lock. */
export function* registerIoeventfd(kvm: Kvm, idx: number, p: Ioeventfd): Task<number> {
  const result = yield* ioBusRegisterDev(kvm, idx, p.base, p.length, p.dev);
  if (result !== 0) return result;
  // The array that was just published; the one before it is freed.
  const bus = (yield* kvm.buses.at(idx).rcuDereference()) as IoBus;
  bus.ioeventfdCount++;
  return 0;
}

/** @kernel kvm_deassign_ioeventfd virt/kvm/eventfd.c */
function* deassignIoeventfd(kvm: Kvm, args: IoeventfdArgs): Task<number> {
  const idx = busFromFlags(args.flags);
  const result = yield* deassignIoeventfdIdx(kvm, idx, args);
  if (args.len === 0 && idx === KvmBus.MMIO) yield* deassignIoeventfdIdx(kvm, KvmBus.FAST_MMIO, args);
  return result;
}

/** @kernel kvm_deassign_ioeventfd_idx virt/kvm/eventfd.c */
export function* deassignIoeventfdIdx(kvm: Kvm, idx: number, args: IoeventfdArgs): Task<number> {
  const eventfd = yield* eventfdCtxFdget(args.fd);
  if (typeof eventfd === 'number') return eventfd;
  // From the search in the list to the release: nobody else may end the same one.
  deassign_holds_slots_lock: yield* kvm.slotsLock.lock();
  const p = findIoeventfd(kvm, idx, args, eventfd);
  if (p !== null) yield* unregisterIoeventfd(kvm, idx, p);
  deassign_holds_slots_lock: yield* kvm.slotsLock.unlock();
  yield* eventfdCtxPut(eventfd);
  return p === null ? -ENOENT : 0;
}

/** Takes it off the bus and frees it, in this order. Under slots_lock. */
export function* unregisterIoeventfd(kvm: Kvm, idx: number, p: Ioeventfd): Task {
  yield* ioBusUnregisterDev(kvm, idx, p.dev);
  const bus = yield* kvm.buses.at(idx).rcuDereference();
  // Without memory for a smaller bus there is none any more.
  if (bus !== null) bus.ioeventfdCount--;
  yield* ioeventfdRelease(kvm, p);
}

function makeIoeventfd(idx: number, args: IoeventfdArgs, eventfd: Eventfd): Ioeventfd {
  const p = Ioeventfd.alloc();
  p.dev.ops = DeviceOps.IOEVENTFD;
  p.eventfd = eventfd;
  p.addr64 = args.addr;
  p.base = reachable(args.addr);
  p.length = args.len;
  p.busIdx = idx;
  p.wildcard = isWildcard(args) ? 1 : 0;
  p.datamatch = isWildcard(args) ? 0n : args.datamatch;
  return p;
}

/** Whether a write could be meant for both. @kernel ioeventfd_check_collision virt/kvm/eventfd.c */
function collides(kvm: Kvm, p: Ioeventfd): boolean {
  for (let q = kvm.ioeventfds; q !== null; q = q.next) {
    if (q.busIdx !== p.busIdx || q.addr64 !== p.addr64) continue;
    if (q.length === 0 || p.length === 0) return true;
    if (q.length !== p.length) continue;
    if (q.wildcard === 1 || p.wildcard === 1 || q.datamatch === p.datamatch) return true;
  }
  return false;
}

function findIoeventfd(kvm: Kvm, idx: number, args: IoeventfdArgs, eventfd: Eventfd): Ioeventfd | null {
  const wildcard = isWildcard(args);
  for (let p = kvm.ioeventfds; p !== null; p = p.next) {
    if (p.busIdx !== idx || p.eventfd !== eventfd || p.addr64 !== args.addr || p.length !== args.len)
      continue;
    if ((p.wildcard === 1) !== wildcard) continue;
    if (wildcard || p.datamatch === args.datamatch) return p;
  }
  return null;
}

function append(kvm: Kvm, p: Ioeventfd): void {
  let last = kvm.ioeventfds;
  if (last === null) {
    kvm.ioeventfds = p;
    return;
  }
  while (last.next !== null) last = last.next;
  last.next = p;
}

/** @kernel ioeventfd_bus_from_flags virt/kvm/eventfd.c */
function busFromFlags(flags: number): number {
  if ((flags & KVM_IOEVENTFD_FLAG_PIO) !== 0) return KvmBus.PIO;
  if ((flags & KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY) !== 0) return KvmBus.VIRTIO_CCW_NOTIFY;
  return KvmBus.MMIO;
}

function isWildcard(args: IoeventfdArgs): boolean {
  return (args.flags & KVM_IOEVENTFD_FLAG_DATAMATCH) === 0;
}

/** Where the bus files the address. No guest reaches one at or above 2^52, so those need not differ there. */
function reachable(addr: bigint): number {
  return addr < 1n << 52n ? Number(addr) : 2 ** 52;
}
