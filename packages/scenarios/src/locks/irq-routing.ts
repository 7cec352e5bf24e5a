import {
  actorDone,
  createIrqchip,
  eventfdWrite,
  irqfdAssign,
  irqfdInjectWorker,
  irqLine,
  kvmSetIrq,
  setIrqRouting,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { type IrqVm, irqVm, LINE, msi, vectors } from '../vm/irq-vm.ts';

/**
 * arch/x86/kvm/irq.h irqchip_in_kernel().
 *
 * KVM_CREATE_IRQCHIP publishes the routing table, then says that there is an irqchip. Whoever sees that need not ask
 * whether there is a table.
 */
export const routingTableMissing = scenario('locks/routing-table-missing', {
  title: 'a line is raised on an irqchip that has no routing table yet',
  source: 'KVM_CREATE_IRQCHIP, irqchip_in_kernel',
  size: '1 KVM_CREATE_IRQCHIP, 1 KVM_IRQ_LINE',
  *setup() {
    return yield* irqVm({ route: null });
  },
  threads: {
    *vmm({ kvm }: IrqVm) {
      return yield* createIrqchip(kvm);
    },
    *device({ kvm }: IrqVm) {
      return yield* irqLine(kvm, LINE);
    },
  },
  always: {
    'an irqchip that is there has routes': never('BUG'),
  },
  sometimes: {
    'the interrupt is delivered': ({ results }, { vcpu }) => results.device === 1 && vectors(vcpu) === 2,
    'there is no irqchip yet': ({ results }) => results.device === -6,
  },
});

/** KVM_SET_GSI_ROUTING replaces the table while a line is raised: the old one lives until nobody copies from it. */
export const routeFreedUnderADelivery = scenario('locks/route-freed-under-a-delivery', {
  title: 'the routing table is freed while a route is copied from it',
  source: 'kvm_set_irq_routing, kvm_set_irq',
  size: '1 interrupt, 1 KVM_SET_GSI_ROUTING',
  defends: ['locks.routing_waits_for_readers'],
  *setup() {
    return yield* irqVm();
  },
  threads: {
    *device({ kvm }: IrqVm) {
      return yield* kvmSetIrq(kvm, LINE);
    },
    *vmm({ kvm }: IrqVm) {
      return yield* setIrqRouting(kvm, [msi(2)]);
    },
  },
  always: {
    'no route is copied from a table that was freed': never('use after free'),
  },
  sometimes: {
    'the old route is used': (_, { vcpu }) => vectors(vcpu) === 1 << 1,
    'the new route is used': (_, { vcpu }) => vectors(vcpu) === 1 << 2,
  },
});

/**
 * Two updates of the routes, and an event of an irqfd after both. Its copy of the route is refreshed in the section of
 * irq_lock that publishes the table, so it is the copy of the table that was published last.
 */
export const irqfdKeepsOldRoute = scenario('locks/irqfd-keeps-old-route', {
  title: 'an irqfd delivers by a route that is no longer in the table',
  source: 'kvm_irq_routing_update',
  claims: [
    {
      seed: '000.17',
      says: 'an update of the routes takes irqfds.lock, and looks routes up inside irq_srcu, with irq_lock held',
      verdict: 'holds in part',
      but: 'irq_lock is no leaf, nor are slots_arch_lock, gpc_lock and refresh_lock, inside which another lock is taken',
    },
  ],
  size: '2 KVM_SET_GSI_ROUTING, 1 event after them',
  defends: ['locks.refresh_irqfds', 'locks.routing_holds_irq_lock'],
  *setup() {
    const vm = yield* irqVm();
    yield* irqfdAssign(vm.kvm, vm.eventfd, LINE);
    return vm;
  },
  threads: {
    *first({ kvm, progress }: IrqVm) {
      yield* setIrqRouting(kvm, [msi(2)]);
      yield* progress.returned.fetchAdd(1);
    },
    *second({ kvm, progress }: IrqVm) {
      yield* setIrqRouting(kvm, [msi(3)]);
      yield* progress.returned.fetchAdd(1);
    },
    *device({ kvm, eventfd, progress }: IrqVm) {
      yield* progress.returned.awaitEqual(2);
      yield* eventfdWrite(kvm, eventfd);
    },
  },
  always: {
    'an event is delivered by the route that is in the table': (_, { irq, vcpu }) =>
      vectors(vcpu) === 1 << (irq.irqRouting.peek()?.map.at(LINE).data.peek() ?? 0),
    'routes change under irq_lock': never('wrong guard'),
  },
  sometimes: {
    'the first comes last': (_, { vcpu }) => vectors(vcpu) === 1 << 2,
    'the second comes last': (_, { vcpu }) => vectors(vcpu) === 1 << 3,
  },
});

/** A route has an address and a data word: an event beside an update is delivered by the old pair or by the new one. */
export const halfARoute = scenario('locks/half-a-route', {
  title: 'an event is sent to the vCPU of one route with the vector of another',
  source: 'irqfd_wakeup, irq_entry_sc',
  size: '1 KVM_SET_GSI_ROUTING, 1 event, 2 vCPUs',
  defends: ['locks.count_route_change'],
  *setup() {
    const vm = yield* irqVm({ vcpus: 2 });
    yield* irqfdAssign(vm.kvm, vm.eventfd, LINE);
    return vm;
  },
  threads: {
    *vmm({ kvm }: IrqVm) {
      return yield* setIrqRouting(kvm, [msi(2, 1)]);
    },
    *device({ kvm, eventfd }: IrqVm) {
      yield* eventfdWrite(kvm, eventfd);
    },
  },
  always: {
    'each vCPU gets the vector of its own route': (_, { vcpus }) =>
      (vectors(vcpus[0] as never) & ~(1 << 1)) === 0 && (vectors(vcpus[1] as never) & ~(1 << 2)) === 0,
  },
  sometimes: {
    'the old route is used': (_, { vcpus }) => vectors(vcpus[0] as never) === 1 << 1,
    'the new route is used': (_, { vcpus }) => vectors(vcpus[1] as never) === 1 << 2,
  },
});

/** An irqfd is assigned while the routes change: it copies its route and joins the list in one section of irqfds.lock. */
export const routeMissedByAssign = scenario('locks/route-missed-by-an-assign', {
  title: 'an irqfd is assigned while the routes change, and keeps the old one for ever',
  source: 'kvm_irqfd_assign',
  size: '1 KVM_IRQFD, 1 KVM_SET_GSI_ROUTING, 1 event after them',
  *setup() {
    return yield* irqVm({ actors: 2 });
  },
  threads: {
    *assign({ kvm, irq, eventfd, progress }: IrqVm) {
      yield* irqfdAssign(kvm, eventfd, LINE);
      const order = yield* progress.returned.fetchAdd(1);
      yield* progress.returned.awaitEqual(2);
      yield* eventfdWrite(kvm, eventfd);
      yield* actorDone(irq);
      return order;
    },
    *vmm({ kvm, irq, progress }: IrqVm) {
      yield* setIrqRouting(kvm, [msi(2)]);
      yield* progress.returned.fetchAdd(1);
      yield* actorDone(irq);
    },
    *worker({ kvm }: IrqVm) {
      yield* irqfdInjectWorker(kvm);
    },
  },
  always: {
    'an event is delivered by the route that is in the table': (_, { vcpu }) => vectors(vcpu) === 1 << 2,
  },
  sometimes: {
    'the assignment returns first': ({ results }) => results.assign === 0,
    'the update returns first': ({ results }) => results.assign === 1,
  },
});

/** KVM_CREATE_IRQCHIP holds kvm->lock and takes irq_lock; an update of the routes takes irq_lock alone. */
export const kvmLockInsideIrqLock = scenario('locks/kvm-lock-inside-irq-lock', {
  title: 'one ioctl holds kvm->lock and wants irq_lock, another the other way round',
  source: 'locking.rst, KVM_CREATE_IRQCHIP, KVM_SET_GSI_ROUTING',
  claims: [
    {
      seed: '000.6',
      says: 'irq_lock is taken inside kvm->lock when an irqchip is made, so never the other way round',
      verdict: 'holds',
    },
  ],
  size: '1 KVM_CREATE_IRQCHIP, 1 KVM_SET_GSI_ROUTING',
  *setup() {
    return yield* irqVm({ route: null });
  },
  threads: {
    *irqchip({ kvm }: IrqVm) {
      return yield* createIrqchip(kvm);
    },
    *vmm({ kvm }: IrqVm) {
      return yield* setIrqRouting(kvm, [msi(2)]);
    },
  },
  always: {
    'both ioctls return': never('deadlock'),
  },
  sometimes: {
    'the default routes are the last': (_, { irq }) => irq.irqRouting.peek()?.map.at(LINE).data.peek() === 1,
    'those of the VMM are the last': (_, { irq }) => irq.irqRouting.peek()?.map.at(LINE).data.peek() === 2,
  },
});
