import { type Eventfd, openEventfd } from '@faultline/kvm';
import {
  Evtchnstat,
  freeIdrNodes,
  KVM_XEN_EVTCHN_DEASSIGN,
  KVM_XEN_EVTCHN_RESET,
  KVM_XEN_EVTCHN_UPDATE,
  xenEvtchnSend,
  xenSetattrEvtchn,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import {
  contentOf,
  delivered,
  ipiPort,
  PORT,
  SHARED_INFO,
  touchPage,
  type XenVm,
  xenVm,
} from '../vm/xen-vm.ts';

/** The hypercall of a guest: its vCPU is inside kvm->srcu. */
function* hypercall({ kvm, vcpu }: XenVm, port: number): Task<number | null> {
  const idx = yield* kvm.srcu.readLock();
  const result = yield* xenEvtchnSend(vcpu, port);
  yield* kvm.srcu.readUnlock(idx);
  return result;
}

/**
 * arch/x86/kvm/xen.c kvm_xen_eventfd_deassign().
 *
 * A sender finds the record of its port without a lock, and uses it until its read section of kvm->srcu ends. The port is
 * taken out of the table meanwhile. Its record is freed after a grace period, and nobody waits for that with the lock
 * held that the sender may want.
 */
export const portClosedUnderASend = scenario('xen/port-closed-under-a-send', {
  title: 'the record of a port is freed while a guest is sending on it',
  source: 'kvm_xen_eventfd_deassign, a79b53aaaab5',
  size: '1 hypercall, 1 KVM_XEN_EVTCHN_DEASSIGN, shared_info not mapped',
  defends: ['xen.deassign_waits_for_senders'],
  *setup() {
    const vm = yield* xenVm();
    yield* xenSetattrEvtchn(vm.kvm, ipiPort(PORT));
    yield* touchPage(vm, SHARED_INFO);
    return vm;
  },
  threads: {
    *vcpu0(vm: XenVm) {
      return yield* hypercall(vm, PORT);
    },
    *vmm({ kvm }: XenVm) {
      return yield* xenSetattrEvtchn(kvm, ipiPort(PORT, KVM_XEN_EVTCHN_DEASSIGN));
    },
  },
  always: {
    'no record is used after it was freed': never('use after free'),
    'the send and the ioctl both return': never('deadlock'),
  },
  sometimes: {
    'the event is delivered': ({ results }) => results.vcpu0 === 0,
    'the port is closed, and user space gets the hypercall': ({ results }) => results.vcpu0 === null,
  },
});

interface WithEventfd extends XenVm {
  readonly eventfd: Eventfd;
}

/** KVM_XEN_EVTCHN_RESET takes all ports out: one leads to the guest itself, the other to an eventfd that nobody else holds. */
export const portsResetUnderASend = scenario('xen/ports-reset-under-a-send', {
  title: 'every port is closed while a guest is sending on one of them',
  source: 'kvm_xen_eventfd_reset, a79b53aaaab5',
  size: '2 hypercalls, 1 KVM_XEN_EVTCHN_RESET, 2 ports, shared_info not mapped',
  defends: ['xen.reset_waits_for_senders', 'xen.signal_eventfd', 'xen.put_eventfd'],
  *setup() {
    const vm = yield* xenVm();
    const eventfd = openEventfd();
    yield* xenSetattrEvtchn(vm.kvm, ipiPort(PORT));
    const toEventfd = {
      sendPort: PORT + 1,
      type: Evtchnstat.INTERDOMAIN,
      flags: 0,
      port: 0,
      vcpu: 0,
      fd: eventfd.addr,
    };
    yield* xenSetattrEvtchn(vm.kvm, toEventfd);
    yield* touchPage(vm, SHARED_INFO);
    return { ...vm, eventfd };
  },
  threads: {
    *vcpu0(vm: WithEventfd) {
      const first = yield* hypercall(vm, PORT);
      return { first, second: yield* hypercall(vm, PORT + 1) };
    },
    *vmm({ kvm }: WithEventfd) {
      return yield* xenSetattrEvtchn(kvm, ipiPort(0, KVM_XEN_EVTCHN_RESET));
    },
  },
  always: {
    'no record is used after it was freed': never('use after free'),
    'the sends and the ioctl return': never('deadlock'),
    'what was accepted is delivered': ({ results: { vcpu0 } }, vm) =>
      (vcpu0.first !== 0 || delivered(vm)) && vm.eventfd.count.peek() === (vcpu0.second === 0 ? 1 : 0),
    'the reset gives its reference to the eventfd back': (_, { eventfd }) => eventfd.kref.peek() === 1,
  },
  sometimes: {
    'both are delivered': ({ results: { vcpu0 } }) => vcpu0.first === 0 && vcpu0.second === 0,
    'the reset falls between': ({ results: { vcpu0 } }) => vcpu0.first === 0 && vcpu0.second === null,
    'the reset is first': ({ results: { vcpu0 } }) => vcpu0.first === null,
  },
});

/**
 * Linux 70eae03087a3 ("KVM: x86/xen: Fix SRCU/RCU usage in readers of evtchn_ports").
 *
 * kvm->srcu keeps records alive, but the nodes of the table that leads to them are freed by RCU: who walks the table is
 * inside RCU too.
 */
export const tableFreedUnderALookup = scenario('xen/port-table-freed-under-a-lookup', {
  title: 'the table of ports shrinks under a lookup that only kvm->srcu protects',
  source: '70eae03087a3',
  size: '1 hypercall, 1 KVM_XEN_EVTCHN_DEASSIGN of the last port, 1 batch of RCU',
  defends: ['xen.wait_for_port_lookups'],
  *setup() {
    const vm = yield* xenVm();
    yield* xenSetattrEvtchn(vm.kvm, ipiPort(PORT));
    return vm;
  },
  threads: {
    *vcpu0(vm: XenVm) {
      return yield* hypercall(vm, PORT);
    },
    *vmm({ kvm }: XenVm) {
      return yield* xenSetattrEvtchn(kvm, ipiPort(PORT, KVM_XEN_EVTCHN_DEASSIGN));
    },
    *rcu({ kvm }: XenVm) {
      yield* freeIdrNodes(kvm);
    },
  },
  always: {
    'no node of the table is walked after it was freed': never('use after free'),
  },
  sometimes: {
    'the port is found': ({ results }) => results.vcpu0 === 0,
    'the port is not found': ({ results }) => results.vcpu0 === null,
  },
});

/** KVM_XEN_EVTCHN_UPDATE looks the record up and writes it in one section of the lock, so nobody can free it in between. */
export const recordFreedUnderAnUpdate = scenario('xen/port-closed-under-an-update', {
  title: 'the record of a port is freed while another ioctl gives it to another vCPU',
  source: 'kvm_xen_eventfd_update; in 6.1 the lock is dropped in between',
  size: '1 KVM_XEN_EVTCHN_UPDATE, 1 KVM_XEN_EVTCHN_DEASSIGN',
  *setup() {
    const vm = yield* xenVm();
    yield* xenSetattrEvtchn(vm.kvm, ipiPort(PORT));
    return vm;
  },
  threads: {
    *update({ kvm }: XenVm) {
      return yield* xenSetattrEvtchn(kvm, ipiPort(PORT, KVM_XEN_EVTCHN_UPDATE, 1));
    },
    *deassign({ kvm }: XenVm) {
      return yield* xenSetattrEvtchn(kvm, ipiPort(PORT, KVM_XEN_EVTCHN_DEASSIGN));
    },
  },
  always: {
    'no record is used after it was freed': never('use after free'),
  },
  sometimes: {
    'the update comes first': ({ results }) => results.update === 0,
    'the port is gone': ({ results }) => results.update === -2,
  },
});

/** Two ioctls assign the same port: one of them gets it. */
export const portAssignedTwice = scenario('xen/port-assigned-twice', {
  title: 'two ioctls assign one port, and one of the records is lost',
  source: 'kvm_xen_eventfd_assign',
  size: '2 KVM_XEN_EVTCHN_ASSIGN of one port, then 1 reset',
  defends: ['xen.assign_holds_the_lock'],
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *first({ kvm }: XenVm) {
      return yield* xenSetattrEvtchn(kvm, ipiPort(PORT));
    },
    *second({ kvm }: XenVm) {
      return yield* xenSetattrEvtchn(kvm, ipiPort(PORT));
    },
  },
  always: {
    'one of them gets the port, the other -EEXIST': ({ results: { first, second } }) =>
      first + second === -17,
  },
  sometimes: {
    'the first gets it': ({ results }) => results.first === 0,
    'the second gets it': ({ results }) => results.second === 0,
  },
});

/**
 * KVM_XEN_EVTCHN_UPDATE gives a port to another vCPU. A send that began before may have looked the old vCPU up, and
 * remembers its index after the update has cleared it: from then on every event goes to the old vCPU. The kernel of 6.9
 * has this window; it takes a send and an update at once, for a port that was never used.
 */
export const updateForgotten = scenario('xen/update-forgotten', {
  title: 'a port was given to another vCPU, and its events still go to the old one',
  source: 'kvm_xen_set_evtchn_fast, kvm_xen_eventfd_update (003d914220c9)',
  size: '2 vCPUs, 1 send beside 1 KVM_XEN_EVTCHN_UPDATE, 1 send after it',
  expect: 'violated',
  *setup() {
    const vm = yield* xenVm({ pages: 3, vcpus: 2 });
    yield* xenSetattrEvtchn(vm.kvm, ipiPort(PORT));
    return vm;
  },
  threads: {
    *vcpu0(vm: XenVm) {
      const late = yield* vm.progress.returned.loadAcquire();
      yield* hypercall(vm, PORT);
      // The guest takes the event.
      yield* vm.mm.page.at(SHARED_INFO).content.writeOnce(0n);
      yield* vm.progress.returned.awaitEqual(1);
      yield* hypercall(vm, PORT);
      return late;
    },
    *vmm({ kvm, progress }: XenVm) {
      const result = yield* xenSetattrEvtchn(kvm, ipiPort(PORT, KVM_XEN_EVTCHN_UPDATE, 1));
      yield* progress.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'an event sent after the update goes to the new vCPU': (_, vm) => contentOf(vm, 2) !== 0n,
  },
  sometimes: {
    'the first event goes to the old vCPU': (_, vm) => contentOf(vm, 1) !== 0n,
    'it goes to the new one': (_, vm) => contentOf(vm, 1) === 0n,
  },
});

/** A port that was used before is given to another vCPU: whoever knew its index forgets it. */
export const eventForTheOldVcpu = scenario('xen/event-for-the-old-vcpu', {
  title: 'a used port was given to another vCPU, and its events still go to the old one',
  source: 'kvm_xen_eventfd_update',
  size: '2 vCPUs, 1 send beside 1 KVM_XEN_EVTCHN_UPDATE, 1 send after it',
  defends: ['xen.forget_index_of_vcpu'],
  *setup() {
    const vm = yield* xenVm({ pages: 3, vcpus: 2 });
    yield* xenSetattrEvtchn(vm.kvm, ipiPort(PORT));
    yield* hypercall(vm, PORT);
    for (const page of [0, 1, 2]) vm.mm.page.at(page).content.poke(0n);
    return vm;
  },
  threads: {
    *vcpu0(vm: XenVm) {
      yield* hypercall(vm, PORT);
      const first = yield* vm.mm.page.at(SHARED_INFO).content.xchg(0n);
      yield* vm.progress.returned.awaitEqual(1);
      yield* hypercall(vm, PORT);
      return first;
    },
    *vmm({ kvm, progress }: XenVm) {
      const result = yield* xenSetattrEvtchn(kvm, ipiPort(PORT, KVM_XEN_EVTCHN_UPDATE, 1));
      yield* progress.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'an event sent after the update goes to the new vCPU': (_, vm) => contentOf(vm, 2) !== 0n,
    'one that was under way is not lost': ({ results }, vm) =>
      results.vcpu0 !== 0n && (contentOf(vm, 1) !== 0n || contentOf(vm, 2) !== 0n),
  },
  sometimes: {
    'the first event goes to the old vCPU': (_, vm) => contentOf(vm, 1) !== 0n,
    'it goes to the new one': (_, vm) => contentOf(vm, 1) === 0n,
  },
});
