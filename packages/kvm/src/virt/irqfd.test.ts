import { beforeEach, expect, test } from 'vitest';
import { EBADF, EBUSY, EEXIST, EINVAL, ENXIO } from '../errno.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { createVcpu } from './create-vcpu.ts';
import { createVm } from './create-vm.ts';
import { type Eventfd, openEventfd } from './eventfd.ts';
import {
  AckAction,
  acknowledge,
  allocAckNotifier,
  registerAckNotifier,
  unregisterAckNotifier,
} from './irq-ack.ts';
import { kvmSetIrq, setIrqRouting } from './irq-routing.ts';
import { type KvmIrq, MAX_GSI, RouteType } from './irq-state.ts';
import { createIrqchip, irqLine } from './irqchip.ts';
import { irqfdAssign, irqfdInjectWorker } from './irqfd.ts';
import { eventfdWrite, fput } from './irqfd-eventfd.ts';
import { irqfdCleanupWorker } from './irqfd-shutdown.ts';
import type { Kvm, Vcpu } from './kvm.ts';

let kvm: Kvm;
let vcpu: Vcpu;
let eventfd: Eventfd;

beforeEach(() => {
  freshArena();
  kvm = runAlone(createVm({ irqRouting: true }));
  vcpu = runAlone(createVcpu(kvm, 0)) as Vcpu;
  eventfd = openEventfd();
});

const route = (type: number, data: number) => runAlone(setIrqRouting(kvm, [{ gsi: 0, type, data }]));

test('a line needs an irqchip, of which there is one', () => {
  expect(runAlone(irqLine(kvm, 0))).toBe(-ENXIO);
  expect(runAlone(createIrqchip(kvm))).toBe(0);
  expect(runAlone(createIrqchip(kvm))).toBe(-EEXIST);
  expect(runAlone(irqLine(kvm, 0))).toBe(1);
  expect(vcpu.events.peek()).toBe(1 << 1);
});

test('routes are replaced as a whole, and lines have a limit', () => {
  expect(runAlone(setIrqRouting(kvm, [{ gsi: MAX_GSI, type: RouteType.MSI }]))).toBe(-EINVAL);
  route(RouteType.MSI, 4);
  expect(runAlone(kvmSetIrq(kvm, 0))).toBe(1);
  expect(vcpu.events.peek()).toBe(1 << 4);
  expect(runAlone(setIrqRouting(kvm, []))).toBe(0);
  expect(runAlone(kvmSetIrq(kvm, 0))).toBe(-EINVAL);
});

test('an event is an interrupt at once if its route allows that, else by the work', () => {
  route(RouteType.MSI, 2);
  expect(runAlone(irqfdAssign(kvm, eventfd, 0))).toBe(0);
  expect(runAlone(irqfdAssign(kvm, eventfd, 1))).toBe(-EBUSY);
  runAlone(eventfdWrite(kvm, eventfd));
  expect(vcpu.events.peek()).toBe(1 << 2);
  route(RouteType.IRQCHIP, 3);
  runAlone(eventfdWrite(kvm, eventfd));
  expect(vcpu.events.peek()).toBe(1 << 2);
  runAlone(irqfdInjectWorker(kvm));
  expect(vcpu.events.peek()).toBe((1 << 2) | (1 << 3));
});

test('a closed eventfd takes its irqfd along, and cannot be made one', () => {
  route(RouteType.MSI, 2);
  runAlone(irqfdAssign(kvm, eventfd, 0));
  const irq = kvm.irq as KvmIrq;
  runAlone(fput(kvm, eventfd));
  expect(irq.irqfdsItems).toBe(null);
  runAlone(irqfdCleanupWorker(kvm));
  expect(eventfd.waiter).toBe(0);
  expect(eventfd.kref.peek()).toBe(1);
  expect(runAlone(irqfdAssign(kvm, eventfd, 0))).toBe(-EBADF);
});

test('an ack notifier is called for its line only, until it is off the list', () => {
  route(RouteType.IRQCHIP, 1);
  const kian = allocAckNotifier(0, AckAction.COUNT);
  runAlone(registerAckNotifier(kvm, kian));
  runAlone(acknowledge(kvm, 0));
  runAlone(acknowledge(kvm, 1));
  expect(kian.calls.peek()).toBe(1);
  runAlone(unregisterAckNotifier(kvm, kian));
  runAlone(acknowledge(kvm, 0));
  expect(kian.calls.peek()).toBe(1);
});
