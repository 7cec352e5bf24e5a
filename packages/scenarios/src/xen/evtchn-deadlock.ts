import { assemble, vcpuRun } from '@faultline/kvm';
import { xenSetattrEvtchn, xenSetEvtchn } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import {
  delivered,
  eventFor,
  ipiPort,
  PORT,
  type Sending,
  SHARED_INFO,
  touchPage,
  type XenVm,
  xenVm,
} from '../vm/xen-vm.ts';
import { someVmIoctl, VmIoctl } from './xen-callers.ts';

/**
 * Linux 310bc39546 ("KVM: x86/xen: Avoid deadlock by adding kvm->arch.xen.xen_lock leaf node lock").
 *
 * A guest sends an event by hypercall. Its vCPU holds vcpu->mutex and is inside a read section of kvm->srcu; shared_info
 * is not mapped, so a lock is needed to map it. Meanwhile an ioctl of the VM holds kvm->lock, and either wants the mutex
 * of that vCPU, or waits for its read section to end. With a lock of its own for Xen both go on; `--with
 * before-310bc39546` shows both cycles.
 */
export const evtchnDeadlock = scenario('xen/evtchn-deadlock', {
  title: 'a vCPU that sends an event and an ioctl that holds kvm->lock wait for each other',
  source: '310bc39546',
  claims: [
    {
      seed: '000.2',
      says: 'a vCPU thread that needs a lock that is no leaf, to deliver, meets somebody who holds that lock and waits for it',
      verdict: 'holds',
    },
    {
      seed: '000.3',
      says: 'with kvm->lock the hypercall deadlocks against vcpu->mutex; and, which the message does not say, against synchronize_srcu()',
      verdict: 'holds',
    },
    { seed: '000.4', says: 'with a leaf lock neither happens', verdict: 'holds' },
  ],
  size: '1 vCPU, 1 hypercall through KVM_RUN, 1 of 2 ioctls',
  defends: ['xen.map_shared_info_again'],
  *setup() {
    const vm = yield* xenVm();
    yield* xenSetattrEvtchn(vm.kvm, ipiPort(PORT));
    vm.vcpu.program = assemble([{ op: 'evtchn-send', port: PORT }, { op: 'hlt' }]);
    yield* touchPage(vm, SHARED_INFO);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: XenVm) {
      return yield* vcpuRun(vcpu);
    },
    *vmm({ kvm }: XenVm) {
      return yield* someVmIoctl(kvm);
    },
  },
  always: {
    'the hypercall and the ioctl both return': never('deadlock'),
    'the event reaches the guest': ({ results }, vm) => results.vcpu0 !== 0 || delivered(vm),
  },
  sometimes: {
    'the ioctl stops the vCPUs': ({ results }) => results.vmm === VmIoctl.STOPS_VCPUS,
    'the ioctl waits for readers': ({ results }) => results.vmm === VmIoctl.ADDS_DEVICE,
  },
});

/** The same, told as before the hypercall was intercepted: only the work of an irqfd delivers, and it holds nothing. */
export const workUnderKvmLock = scenario('xen/irqfd-work-waits-for-ever', {
  title: 'the work of an irqfd takes kvm->lock to deliver an event, against whoever else wants that lock',
  source: '310bc39546, 14243b387137',
  claims: [
    {
      seed: '000.1',
      says: 'the work of an irqfd holds neither lock nor read section when it takes kvm->lock, and always ends',
      verdict: 'holds',
    },
  ],
  size: '1 vCPU inside KVM_RUN, 1 work item, 1 of 2 ioctls, kvm->lock for Xen',
  defends: ['xen.map_shared_info_again'],
  *setup() {
    const vm = yield* xenVm({ lock: 'kvm->lock' });
    vm.vcpu.program = assemble([{ op: 'evtchn-send', port: PORT }, { op: 'hlt' }]);
    yield* touchPage(vm, SHARED_INFO);
    return { ...vm, xe: eventFor(PORT) };
  },
  threads: {
    *work({ kvm, xe }: Sending) {
      return yield* xenSetEvtchn(kvm, xe);
    },
    *vcpu0({ vcpu }: Sending) {
      // The port is not in the table: the hypercall goes to user space, as it did then.
      return yield* vcpuRun(vcpu);
    },
    *vmm({ kvm }: Sending) {
      return yield* someVmIoctl(kvm);
    },
  },
  always: {
    'the work comes to an end': never('deadlock'),
    'the event reaches the guest': (_, vm) => delivered(vm),
  },
  sometimes: {
    'the ioctl stops the vCPUs': ({ results }) => results.vmm === VmIoctl.STOPS_VCPUS,
    'the ioctl waits for readers': ({ results }) => results.vmm === VmIoctl.ADDS_DEVICE,
  },
});

/** Two senders need shared_info mapped, one of them inside KVM_RUN: the leaf lock is all that they share. */
export const twoSlowSenders = scenario('xen/two-senders-wait-for-each-other', {
  title: 'a vCPU and the work of an irqfd map shared_info at the same time',
  source: '310bc39546',
  claims: [
    {
      seed: '000.14',
      says: 'xen_lock is taken inside vcpu->mutex and kvm->srcu by one sender, alone by the other; neither waits for ever',
      verdict: 'holds in part',
      but: 'hv_lock is another scenario',
    },
  ],
  size: '1 vCPU, 1 hypercall, 1 work item',
  defends: ['xen.map_shared_info_again'],
  *setup() {
    const vm = yield* xenVm();
    yield* xenSetattrEvtchn(vm.kvm, ipiPort(PORT));
    vm.vcpu.program = assemble([{ op: 'evtchn-send', port: PORT }, { op: 'hlt' }]);
    yield* touchPage(vm, SHARED_INFO);
    return { ...vm, xe: eventFor(PORT + 1) };
  },
  threads: {
    *vcpu0({ vcpu }: Sending) {
      return yield* vcpuRun(vcpu);
    },
    *work({ kvm, xe }: Sending) {
      return yield* xenSetEvtchn(kvm, xe);
    },
  },
  always: {
    'both senders return': never('deadlock'),
    'both events reach the guest': (_, vm) => delivered(vm) && delivered(vm, PORT + 1),
  },
  sometimes: {
    'both deliver': ({ results }) => results.vcpu0 === 0 && results.work === 1,
  },
});
