import { gpa, PAGE_SIZE } from '@faultline/kvm';
import {
  type KvmXen,
  type VcpuXen,
  xenGetVcpuInfo,
  xenInjectTimerIrqs,
  xenSetVcpuInfo,
  xenWriteHypercallPage,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { delivered, PORT, SHARED_INFO, touchPage, VCPU_INFO, type XenVm, xenVm } from '../vm/xen-vm.ts';
import { someVmIoctl, stopVcpus, VmIoctl } from './xen-callers.ts';

/**
 * arch/x86/kvm/xen.c kvm_xen_inject_timer_irqs(): on the vCPU's thread, before it enters its guest, with its mutex held
 * and inside kvm->srcu. It may come to the slow way like a hypercall.
 */
export const timerDeadlock = scenario('xen/timer-deadlock', {
  title: 'a vCPU that raises the event of its timer and an ioctl that holds kvm->lock wait for each other',
  source: 'kvm_xen_inject_timer_irqs',
  size: '1 vCPU, 1 timer that has run out, 1 of 2 ioctls',
  defends: ['xen.map_shared_info_again'],
  *setup() {
    const vm = yield* xenVm();
    const xen = vm.vcpu.xen as VcpuXen;
    xen.timerPort = PORT;
    xen.timerPending.poke(1);
    yield* touchPage(vm, SHARED_INFO);
    return vm;
  },
  threads: {
    *vcpu0({ kvm, vcpu }: XenVm) {
      yield* vcpu.mutex.lock();
      const idx = yield* kvm.srcu.readLock();
      yield* xenInjectTimerIrqs(vcpu);
      yield* kvm.srcu.readUnlock(idx);
      yield* vcpu.mutex.unlock();
    },
    *vmm({ kvm }: XenVm) {
      return yield* someVmIoctl(kvm);
    },
  },
  always: {
    'the vCPU and the ioctl both go on': never('deadlock'),
    'the event reaches the guest': (_, vm) => delivered(vm),
  },
  sometimes: {
    'the ioctl stops the vCPUs': ({ results }) => results.vmm === VmIoctl.STOPS_VCPUS,
    'the ioctl waits for readers': ({ results }) => results.vmm === VmIoctl.ADDS_DEVICE,
  },
});

/** KVM_XEN_VCPU_SET_ATTR: an ioctl of the vCPU, so its mutex is held; in 6.1 kvm->lock is the first thing that it takes. */
export const vcpuAttributeDeadlock = scenario('xen/vcpu-attribute-deadlock', {
  title: 'an ioctl of a vCPU and an ioctl that stops all vCPUs wait for each other',
  source: 'kvm_xen_vcpu_set_attr',
  claims: [
    {
      seed: '000.5',
      says: 'an ioctl that stops the vCPUs takes their mutexes inside kvm->lock, so an ioctl of a vCPU may not take kvm->lock',
      verdict: 'holds',
    },
  ],
  size: '1 vCPU, 1 KVM_XEN_VCPU_SET_ATTR, 1 ioctl that stops the vCPUs',
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *vcpu0({ vcpu }: XenVm) {
      return yield* xenSetVcpuInfo(vcpu, gpa(VCPU_INFO * PAGE_SIZE));
    },
    *vmm({ kvm }: XenVm) {
      yield* stopVcpus(kvm);
    },
  },
  always: {
    'both ioctls return': never('deadlock'),
  },
  sometimes: {
    'the attribute is set': ({ results }) => results.vcpu0 === 0,
  },
});

/** KVM_XEN_VCPU_GET_ATTR: reading an attribute is no different. */
export const vcpuAttributeReadDeadlock = scenario('xen/vcpu-attribute-read-deadlock', {
  title: 'an ioctl that reads an attribute of a vCPU and one that stops all vCPUs wait for each other',
  source: 'kvm_xen_vcpu_get_attr',
  size: '1 vCPU, 1 KVM_XEN_VCPU_GET_ATTR, 1 ioctl that stops the vCPUs',
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *vcpu0({ vcpu }: XenVm) {
      return yield* xenGetVcpuInfo(vcpu);
    },
    *vmm({ kvm }: XenVm) {
      yield* stopVcpus(kvm);
    },
  },
  always: {
    'both ioctls return': never('deadlock'),
  },
  sometimes: {
    'the attribute is read': ({ results }) => results.vcpu0 === VCPU_INFO * PAGE_SIZE,
  },
});

/** The guest writes the MSR of the hypercall page: like a hypercall, with the vCPU's mutex held and inside kvm->srcu. */
export const hypercallPageDeadlock = scenario('xen/hypercall-page-deadlock', {
  title: 'a guest that asks for its page of hypercalls and an ioctl that holds kvm->lock wait for each other',
  source: 'kvm_xen_write_hypercall_page',
  size: '1 vCPU, 1 write to the MSR, 1 of 2 ioctls',
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *vcpu0({ kvm, vcpu }: XenVm) {
      yield* vcpu.mutex.lock();
      const idx = yield* kvm.srcu.readLock();
      yield* xenWriteHypercallPage(vcpu, false);
      yield* kvm.srcu.readUnlock(idx);
      yield* vcpu.mutex.unlock();
    },
    *vmm({ kvm }: XenVm) {
      return yield* someVmIoctl(kvm);
    },
  },
  always: {
    'the vCPU and the ioctl both go on': never('deadlock'),
  },
  sometimes: {
    'the ioctl stops the vCPUs': ({ results }) => results.vmm === VmIoctl.STOPS_VCPUS,
    'the ioctl waits for readers': ({ results }) => results.vmm === VmIoctl.ADDS_DEVICE,
    'the guest has 32 bits': (_, { kvm }) => (kvm.xen as KvmXen).longMode === 0,
  },
});
