import { beforeEach, expect, test } from 'vitest';
import { EBADF, EEXIST, EFAULT, EINVAL, ENOENT, ENOTCONN, EWOULDBLOCK } from '../errno.ts';
import type { MmStruct } from '../host/mm.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { gfn, gpa, hva, PAGE_SIZE } from '../types.ts';
import { createVcpu } from '../virt/create-vcpu.ts';
import { createVm } from '../virt/create-vm.ts';
import { openEventfd } from '../virt/eventfd.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { setUserMemoryRegion } from '../virt/memory-region.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../virt/mmu-notifier.ts';
import { xenGetVcpuInfo, xenHvmEvtchnSend, xenSetSharedInfo, xenSetVcpuInfo } from './xen-attr.ts';
import { xenHasInterrupt, xenInjectPendingEvents, xenSetEvtchnFast } from './xen-evtchn.ts';
import { xenEvtchnSend } from './xen-hypercall.ts';
import { guestFinds, maskBit, maxEvtchnPort, pendingBit } from './xen-pages.ts';
import {
  type EvtchnAttr,
  Evtchnstat,
  KVM_XEN_EVTCHN_DEASSIGN,
  KVM_XEN_EVTCHN_RESET,
  KVM_XEN_EVTCHN_UPDATE,
  xenSetattrEvtchn,
} from './xen-ports.ts';
import { NO_INDEX, type VcpuXen, XenEvtchn } from './xen-state.ts';

let kvm: Kvm;
let vcpu: Vcpu;

beforeEach(() => {
  freshArena();
  kvm = runAlone(createVm({ mmu: { pages: 2, frames: 3 }, xen: {} }));
  const region = { slot: 0, flags: 0, guestPhysAddr: 0n, memorySize: 8192n, userspaceAddr: 0n };
  expect(runAlone(setUserMemoryRegion(kvm, region))).toBe(0);
  vcpu = runAlone(createVcpu(kvm, 0)) as Vcpu;
  expect(runAlone(xenSetSharedInfo(kvm, gfn(0)))).toBe(0);
  expect(runAlone(xenSetVcpuInfo(vcpu, gpa(PAGE_SIZE)))).toBe(0);
});

const page = (index: number) => (kvm.mmStruct as MmStruct).page.at(index);
const ipi = (port: number, more: Partial<EvtchnAttr> = {}): EvtchnAttr => ({
  sendPort: port,
  type: Evtchnstat.IPI,
  flags: 0,
  port,
  vcpu: 0,
  ...more,
});
const attr = (value: EvtchnAttr) => runAlone(xenSetattrEvtchn(kvm, value));
function* unmapPage(index: number) {
  yield* invalidateRangeStart(kvm, hva(index * PAGE_SIZE), hva((index + 1) * PAGE_SIZE));
  yield* invalidateRangeEnd(kvm, hva(index * PAGE_SIZE), hva((index + 1) * PAGE_SIZE));
}
function event(port: number): XenEvtchn {
  const xe = XenEvtchn.alloc();
  xe.port = port;
  xe.vcpuIdx.poke(NO_INDEX);
  return xe;
}

test('a port is assigned once, and closed once', () => {
  expect(attr(ipi(1))).toBe(0);
  expect(attr(ipi(1))).toBe(-EEXIST);
  expect(attr(ipi(1, { flags: KVM_XEN_EVTCHN_DEASSIGN }))).toBe(0);
  expect(attr(ipi(1, { flags: KVM_XEN_EVTCHN_DEASSIGN }))).toBe(-ENOENT);
  expect(attr(ipi(1))).toBe(0);
});

test('an IPI port leads to itself, a port is below the limit, an eventfd is open', () => {
  expect(attr(ipi(1, { port: 2 }))).toBe(-EINVAL);
  expect(attr(ipi(0))).toBe(-EINVAL);
  expect(attr(ipi(maxEvtchnPort(kvm)))).toBe(-EINVAL);
  expect(attr(ipi(1, { type: Evtchnstat.VIRQ }))).toBe(-EINVAL);
  expect(attr(ipi(1, { type: Evtchnstat.INTERDOMAIN, port: 0, fd: 0 }))).toBe(-EBADF);
});

test('an update changes the vCPU and nothing else', () => {
  expect(attr(ipi(1, { flags: KVM_XEN_EVTCHN_UPDATE }))).toBe(-ENOENT);
  attr(ipi(1));
  const update = { flags: KVM_XEN_EVTCHN_UPDATE, vcpu: 3 };
  expect(attr(ipi(1, { ...update, port: 2 }))).toBe(-EINVAL);
  expect(attr(ipi(1, { ...update, type: Evtchnstat.INTERDOMAIN }))).toBe(-EINVAL);
  expect(attr(ipi(1, update))).toBe(0);
  expect(runAlone(xenEvtchnSend(vcpu, 1))).toBe(-EINVAL);
});

test('a reset closes every port and drops the reference to an eventfd', () => {
  const eventfd = openEventfd();
  attr(ipi(1));
  attr(ipi(2, { type: Evtchnstat.INTERDOMAIN, port: 0, fd: eventfd.addr }));
  expect(runAlone(xenEvtchnSend(vcpu, 2))).toBe(0);
  expect(eventfd.count.peek()).toBe(1);
  expect(eventfd.kref.peek()).toBe(2);
  expect(attr(ipi(0, { flags: KVM_XEN_EVTCHN_RESET }))).toBe(0);
  expect(eventfd.kref.peek()).toBe(1);
  expect(runAlone(xenEvtchnSend(vcpu, 1))).toBe(null);
});

test('an event is pending once, and a masked one raises no upcall', () => {
  expect(runAlone(xenSetEvtchnFast(kvm, event(1)))).toBe(1);
  expect(guestFinds(kvm, page(0), page(1), 1)).toBe(true);
  expect(runAlone(xenSetEvtchnFast(kvm, event(1)))).toBe(0);
  page(0).content.poke(maskBit(2));
  page(1).content.poke(0n);
  expect(runAlone(xenSetEvtchnFast(kvm, event(2)))).toBe(-ENOTCONN);
  expect(page(0).content.peek()).toBe(maskBit(2) | pendingBit(2));
  expect(page(1).content.peek()).toBe(0n);
});

test('without shared_info the fast way gives up and the slow one maps it', () => {
  runAlone(unmapPage(0));
  expect(runAlone(xenSetEvtchnFast(kvm, event(1)))).toBe(-EWOULDBLOCK);
  expect(runAlone(xenHvmEvtchnSend(kvm, 1, 0))).toBe(0);
  expect(guestFinds(kvm, page(0), page(1), 1)).toBe(true);
});

test('without vcpu_info the word is noted in the vCPU, which passes it on', () => {
  runAlone(unmapPage(1));
  expect(runAlone(xenHvmEvtchnSend(kvm, 1, 0))).toBe(0);
  expect((vcpu.xen as VcpuXen).evtchnPendingSel.peek()).toBe(1);
  expect(guestFinds(kvm, page(0), page(1), 1)).toBe(false);
  runAlone(xenInjectPendingEvents(vcpu));
  expect(guestFinds(kvm, page(0), page(1), 1)).toBe(true);
  expect(runAlone(xenHasInterrupt(vcpu))).toBe(true);
});

test('an upcall vector is an interrupt of the local APIC', () => {
  (vcpu.xen as VcpuXen).upcallVector = 5;
  runAlone(xenHvmEvtchnSend(kvm, 1, 0));
  expect(vcpu.events.peek()).toBe(1 << 5);
});

test('a page without memory is refused, and taken back it is gone', () => {
  expect(runAlone(xenSetSharedInfo(kvm, gfn(7)))).toBe(-EFAULT);
  expect(runAlone(xenSetSharedInfo(kvm, null))).toBe(0);
  expect(runAlone(xenHvmEvtchnSend(kvm, 1, 0))).toBe(-EINVAL);
  expect(runAlone(xenGetVcpuInfo(vcpu))).toBe(PAGE_SIZE);
  expect(runAlone(xenSetVcpuInfo(vcpu, null))).toBe(0);
  expect(runAlone(xenGetVcpuInfo(vcpu))).toBe(null);
});
