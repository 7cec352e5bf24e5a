import { type Eventfd, openEventfd } from '@faultline/kvm';
import {
  actorDone,
  createIrqchip,
  eventfdWrite,
  fput,
  irqfdAssign,
  irqfdCleanupWorker,
  irqfdDeassign,
  irqfdInjectWorker,
  irqfdRelease,
  type KvmIrq,
  RouteType,
  setIrqRouting,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { type IrqVm, irqVm, LINE, msi, pin, vectors } from '../vm/irq-vm.ts';
import { delivered, eventFor, PORT, SHARED_INFO, touchPage, type XenVm, xenVm } from '../vm/xen-vm.ts';

/** With an irqfd assigned; its file is open once. */
function* assigned(actors: number, route = msi(1)): Task<IrqVm> {
  const vm = yield* irqVm({ actors, route });
  yield* irqfdAssign(vm.kvm, vm.eventfd, LINE);
  return vm;
}

/**
 * virt/kvm/eventfd.c kvm_irqfd_assign().
 *
 * An irqfd is on the list before its assignment is done, and a deassignment may find it there. Its shutdown waits for the
 * section of irq_srcu in which the assignment is.
 */
export const freedUnderAssign = scenario('locks/irqfd-freed-under-its-assign', {
  title: 'an irqfd is deassigned and freed while it is being assigned',
  source: 'kvm_irqfd_assign, irqfd_shutdown',
  size: '1 assignment, 1 deassignment, cleanup worker',
  defends: ['locks.shutdown_waits_for_assign', 'locks.remove_from_wait_queue'],
  *setup() {
    return yield* irqVm({ actors: 2 });
  },
  threads: {
    *assign({ kvm, irq, eventfd }: IrqVm) {
      const result = yield* irqfdAssign(kvm, eventfd, LINE);
      yield* actorDone(irq);
      return result;
    },
    *deassign({ kvm, irq, eventfd }: IrqVm) {
      yield* irqfdDeassign(kvm, eventfd, LINE);
      yield* actorDone(irq);
    },
    *cleanup({ kvm }: IrqVm) {
      yield* irqfdCleanupWorker(kvm);
    },
  },
  always: {
    'no irqfd is used after it was freed': never('use after free'),
    'nobody who is gone waits for events': ({ results }, { eventfd, irq }) =>
      results.assign !== 0 || (eventfd.waiter === 0) === (irq.irqfdsItems === null),
  },
  sometimes: {
    'the deassignment finds it': (_, { irq }) => irq.irqfdsItems === null,
    'the deassignment comes too early': (_, { irq }) => irq.irqfdsItems !== null,
  },
});

/** Events around an assignment: one from before is found by the poll at its end, one that comes meanwhile calls the irqfd. */
export const eventLostInAssign = scenario('locks/event-lost-in-an-assign', {
  title: 'an eventfd has an event while it is made an irqfd, and no interrupt comes of it',
  source: 'kvm_irqfd_assign',
  size: '1 assignment, 1 event, inject worker',
  defends: ['locks.inject_what_was_pending'],
  *setup() {
    return yield* irqVm({ actors: 2 });
  },
  threads: {
    *assign({ kvm, irq, eventfd }: IrqVm) {
      const result = yield* irqfdAssign(kvm, eventfd, LINE);
      yield* actorDone(irq);
      return result;
    },
    *device({ kvm, irq, eventfd }: IrqVm) {
      yield* eventfdWrite(kvm, eventfd);
      yield* actorDone(irq);
    },
    *worker({ kvm }: IrqVm) {
      yield* irqfdInjectWorker(kvm);
    },
  },
  always: {
    'the event becomes an interrupt': (_, { vcpu }) => vectors(vcpu) === 1 << 1,
  },
  sometimes: {
    'it was there before': (_, { eventfd }) => eventfd.count.peek() === 1,
    'the irqfd is called': (_, { eventfd }) => eventfd.count.peek() === 0,
  },
});

/** The eventfd is closed by another thread while it is made an irqfd: who assigns holds the file, so the end comes after. */
export const closedUnderAssign = scenario('locks/eventfd-closed-under-an-assign', {
  title: 'the last descriptor of an eventfd is closed while it is made an irqfd',
  source: 'kvm_irqfd_assign, irqfd_wakeup',
  size: '1 assignment, 1 close, cleanup worker',
  *setup() {
    return yield* irqVm({ actors: 2 });
  },
  threads: {
    *assign({ kvm, irq, eventfd }: IrqVm) {
      const result = yield* irqfdAssign(kvm, eventfd, LINE);
      yield* actorDone(irq);
      return result;
    },
    *close({ kvm, irq, eventfd }: IrqVm) {
      yield* fput(kvm, eventfd);
      yield* actorDone(irq);
    },
    *cleanup({ kvm }: IrqVm) {
      yield* irqfdCleanupWorker(kvm);
    },
  },
  always: {
    'no irqfd outlives its eventfd': (_, { irq }) => irq.irqfdsItems === null,
  },
  sometimes: {
    'the irqfd was there, and is gone': ({ results }, { eventfd }) =>
      results.assign === 0 && eventfd.waiter === 0,
    'the descriptor is closed': ({ results }) => results.assign === -9,
  },
});

/** An eventfd that is an irqfd is closed while the irqfd is deassigned: one of them takes it off the list, and owns the rest. */
export const takenDownTwice = scenario('locks/irqfd-taken-down-twice', {
  title: 'an irqfd is deassigned while its eventfd is closed, and is freed twice',
  source: 'irqfd_wakeup, irqfd_deactivate',
  size: '1 deassignment, 1 close, cleanup worker',
  defends: ['locks.hangup_checks_active'],
  *setup() {
    return yield* assigned(2);
  },
  threads: {
    *deassign({ kvm, irq, eventfd }: IrqVm) {
      yield* irqfdDeassign(kvm, eventfd, LINE);
      yield* actorDone(irq);
    },
    *close({ kvm, irq, eventfd }: IrqVm) {
      yield* fput(kvm, eventfd);
      yield* actorDone(irq);
    },
    *cleanup({ kvm }: IrqVm) {
      yield* irqfdCleanupWorker(kvm);
    },
  },
  always: {
    'an irqfd is freed once': never('use after free'),
  },
  sometimes: {
    'it is gone': (_, { irq }) => irq.irqfdsItems === null,
  },
});

/**
 * An event whose delivery needs the work, while the irqfd goes. Its callback is off the wait queue before the work is
 * waited for, so nobody queues it again.
 */
export const workOnFreedIrqfd = scenario('locks/work-on-a-freed-irqfd', {
  title: 'the work of an irqfd is queued again after it was waited for, and runs on freed memory',
  source: 'irqfd_shutdown',
  size: '1 event, 1 deassignment, both workers',
  defends: ['locks.flush_inject_work', 'locks.deassign_flushes_cleanup'],
  *setup() {
    return yield* assigned(2, pin(1));
  },
  threads: {
    *device({ kvm, irq, eventfd }: IrqVm) {
      yield* eventfdWrite(kvm, eventfd);
      yield* actorDone(irq);
    },
    *deassign({ kvm, irq, eventfd, vcpu }: IrqVm) {
      yield* irqfdDeassign(kvm, eventfd, LINE);
      const seen = yield* vcpu.events.readOnce();
      yield* actorDone(irq);
      return seen;
    },
    *cleanup({ kvm }: IrqVm) {
      yield* irqfdCleanupWorker(kvm);
    },
    *worker({ kvm }: IrqVm) {
      yield* irqfdInjectWorker(kvm);
    },
  },
  always: {
    'no work runs on an irqfd that was freed': never('use after free'),
    'no interrupt comes after the deassignment has returned': ({ results }, { vcpu }) =>
      results.deassign === vectors(vcpu),
  },
  sometimes: {
    'the event is an interrupt': (_, { vcpu }) => vectors(vcpu) !== 0,
    'the event comes too late': (_, { vcpu }) => vectors(vcpu) === 0,
  },
});

/** The file of the VM is closed: the VM may be freed when its irqfds are gone, and not before. */
export const workOnFreedVm = scenario('locks/work-on-a-freed-vm', {
  title: 'the work of an irqfd runs while its VM is torn down',
  source: 'kvm_vm_release, kvm_irqfd_release',
  size: '1 event, 1 release, both workers',
  defends: ['locks.release_flushes_cleanup'],
  *setup() {
    return yield* assigned(2, pin(1));
  },
  threads: {
    *device({ kvm, irq, eventfd }: IrqVm) {
      yield* eventfdWrite(kvm, eventfd);
      yield* actorDone(irq);
    },
    *release({ kvm, irq, vcpu }: IrqVm) {
      yield* irqfdRelease(kvm);
      const seen = yield* vcpu.events.readOnce();
      yield* actorDone(irq);
      return seen;
    },
    *cleanup({ kvm }: IrqVm) {
      yield* irqfdCleanupWorker(kvm);
    },
    *worker({ kvm }: IrqVm) {
      yield* irqfdInjectWorker(kvm);
    },
  },
  always: {
    'nothing touches a vCPU once the release has returned': ({ results }, { vcpu }) =>
      results.release === vectors(vcpu),
  },
  sometimes: {
    'the event is an interrupt': (_, { vcpu }) => vectors(vcpu) !== 0,
    'the event comes too late': (_, { vcpu }) => vectors(vcpu) === 0,
  },
});

interface XenIrq extends XenVm {
  readonly irq: KvmIrq;
  readonly eventfd: Eventfd;
}

/**
 * The work of an irqfd may take kvm->lock: with kvm->lock in the place of xen_lock it does. A deassignment waits for that
 * work, so nobody deassigns with kvm->lock held; nor are routes followed inside irq_srcu, for which KVM_CREATE_IRQCHIP
 * waits with kvm->lock held.
 */
export const deassignUnderKvmLock = scenario('locks/deassign-waits-for-work', {
  title: 'a deassignment waits for work that waits for kvm->lock',
  source: 'kvm_irqfd_deassign, irqfd_inject',
  size: '1 event on an event channel, 1 KVM_CREATE_IRQCHIP, 1 deassignment, both workers, kvm->lock for Xen',
  deep: true,
  *setup() {
    const xen = yield* xenVm({ lock: 'kvm->lock', irq: true });
    const { kvm } = xen;
    const irq = kvm.irq as KvmIrq;
    const vm = { ...xen, irq, eventfd: openEventfd() };
    yield* setIrqRouting(kvm, [{ gsi: LINE, type: RouteType.XEN_EVTCHN, xen: eventFor(PORT) }]);
    yield* irqfdAssign(kvm, vm.eventfd, LINE);
    yield* touchPage(xen, SHARED_INFO);
    irq.actors.poke(2);
    return vm;
  },
  threads: {
    *device({ kvm, irq, eventfd }: XenIrq) {
      yield* eventfdWrite(kvm, eventfd);
      yield* actorDone(irq);
    },
    *vmm({ kvm, irq, eventfd }: XenIrq) {
      yield* createIrqchip(kvm);
      yield* irqfdDeassign(kvm, eventfd, LINE);
      yield* actorDone(irq);
    },
    *cleanup({ kvm }: XenIrq) {
      yield* irqfdCleanupWorker(kvm);
    },
    *worker({ kvm }: XenIrq) {
      yield* irqfdInjectWorker(kvm);
    },
  },
  always: {
    'the ioctls and the work come to an end': never('deadlock'),
  },
  sometimes: {
    'the event reaches the guest': (_, vm) => delivered(vm),
    'it goes where the new routes lead, or comes too late': (_, vm) => !delivered(vm),
  },
});

/** The routes change while an irqfd goes: off the list, its own copy is not refreshed any more, and not used. */
export const routeOfADeadIrqfd = scenario('locks/route-of-a-dead-irqfd', {
  title: 'an irqfd that is off the list delivers by the route that it had',
  source: 'irqfd_wakeup',
  size: '1 deassignment, 1 KVM_SET_GSI_ROUTING and 1 event after it, both workers',
  *setup() {
    return yield* assigned(2);
  },
  threads: {
    *deassign({ kvm, irq, eventfd }: IrqVm) {
      yield* irqfdDeassign(kvm, eventfd, LINE);
      yield* actorDone(irq);
    },
    *vmm({ kvm, irq, eventfd }: IrqVm) {
      yield* setIrqRouting(kvm, [msi(2)]);
      yield* eventfdWrite(kvm, eventfd);
      yield* actorDone(irq);
    },
    *cleanup({ kvm }: IrqVm) {
      yield* irqfdCleanupWorker(kvm);
    },
    *worker({ kvm }: IrqVm) {
      yield* irqfdInjectWorker(kvm);
    },
  },
  always: {
    'no event goes where the routes no longer lead': (_, { vcpu }) => (vectors(vcpu) & (1 << 1)) === 0,
  },
  sometimes: {
    'it goes where they lead now': (_, { vcpu }) => vectors(vcpu) === 1 << 2,
    'it comes too late': (_, { vcpu }) => vectors(vcpu) === 0,
  },
});
