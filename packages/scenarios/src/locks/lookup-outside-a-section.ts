import { assemble, gfn, setUserMemoryRegion, vcpuRun } from '@faultline/kvm';
import {
  allocRegisterDevice,
  ioBusRegisterDev,
  ioBusUnregisterDev,
  ioBusWrite,
  KvmBus,
  RegisterDevice,
  vcpuBusWrite,
  vcpuSrcuReadLock,
  vcpuSrcuReadUnlock,
  xenSetSharedInfo,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { deletion, type SmallVm, smallVm } from '../vm/small-vm.ts';
import { type XenVm, xenVm } from '../vm/xen-vm.ts';

/**
 * locking.rst: "The srcu read lock must be held while accessing memslots", in our words: outside a section, and without
 * slots_lock, a set that was found may be edited, and a slot freed, at once. Here an ioctl that holds kvm->lock, or
 * xen_lock, but not slots_lock.
 */
export const slotFoundOutsideASection = scenario('locks/slot-found-outside-a-section', {
  title: 'an ioctl finds a slot outside kvm->srcu while the slot is deleted',
  source: 'locking.rst, kvm->srcu',
  claims: [
    {
      seed: '000.51',
      says: 'an ioctl without slots_lock opens a section to find a slot; without one nothing keeps the slot',
      verdict: 'holds',
    },
  ],
  size: '1 KVM_XEN_HVM_SET_ATTR, 1 deletion of the slot',
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *attr({ kvm }: XenVm) {
      return yield* xenSetSharedInfo(kvm, gfn(1));
    },
    *vmm({ kvm }: XenVm) {
      return yield* setUserMemoryRegion(kvm, deletion());
    },
  },
  always: {
    'slots are found inside a section, or under slots_lock': never('suspicious RCU usage'),
  },
  sometimes: {
    'the page is found': ({ results }) => results.attr === 0,
    'it is not': ({ results }) => results.attr !== 0,
  },
});

interface WithPort extends SmallVm {
  readonly device: RegisterDevice;
}

const PORT = 0x70;

/** The same for devices: a vCPU that handles a port access, through KVM_RUN. */
export const deviceFoundOutsideASection = scenario('locks/device-found-outside-a-section', {
  title: 'an exit finds a device outside kvm->srcu while the device goes away',
  source: 'locking.rst, kvm->srcu',
  claims: [
    {
      seed: '000.52',
      says: 'an exit opens a section to find a device; without one nothing keeps the array that it walks',
      verdict: 'holds',
    },
  ],
  size: '1 vCPU, 1 port access through KVM_RUN, 1 device that goes away',
  *setup() {
    const vm = yield* smallVm();
    const device = allocRegisterDevice();
    yield* vm.kvm.slotsLock.lock();
    yield* ioBusRegisterDev(vm.kvm, KvmBus.PIO, PORT, 8, device.dev);
    yield* vm.kvm.slotsLock.unlock();
    vm.vcpu.program = assemble([{ op: 'out', port: PORT, value: 7n }, { op: 'hlt' }]);
    return { ...vm, device };
  },
  threads: {
    *vcpu0({ vcpu }: WithPort) {
      return yield* vcpuRun(vcpu);
    },
    *vmm({ kvm, device }: WithPort) {
      yield* kvm.slotsLock.lock();
      yield* ioBusUnregisterDev(kvm, KvmBus.PIO, device.dev);
      yield* kvm.slotsLock.unlock();
      RegisterDevice.free(device);
    },
  },
  always: {
    'devices are found inside a section, or under slots_lock': never('suspicious RCU usage'),
  },
  sometimes: {
    'the guest halts': (_, { vcpu }) => vcpu.run.exitReason === 5,
    'user space gets the access': (_, { vcpu }) => vcpu.run.exitReason === 2,
  },
});

/**
 * The run loop of a vCPU keeps the index of its section in the vCPU, over several functions; one that it calls has a
 * section of its own, with an index of its own, and a flip of the domain may fall between them.
 */
export const sectionIndexOverwritten = scenario('locks/section-index-overwritten', {
  title: 'a vCPU forgets the index of its section, and ends another instead',
  source: 'locking.rst, vcpu->srcu_idx',
  claims: [
    {
      seed: '000.53',
      says: 'the index may stand in the vCPU while several functions run, as long as no inner section stores its own there',
      verdict: 'holds',
    },
  ],
  size: '1 vCPU with 2 nested sections, 1 device that goes away, real SRCU of 1 CPU',
  *setup() {
    const vm = yield* smallVm({ srcu: 'real', cpus: 1 });
    const device = allocRegisterDevice();
    yield* vm.kvm.slotsLock.lock();
    yield* ioBusRegisterDev(vm.kvm, KvmBus.PIO, PORT, 8, device.dev);
    yield* vm.kvm.slotsLock.unlock();
    return { ...vm, device };
  },
  threads: {
    *vcpu0({ kvm, vcpu }: WithPort) {
      yield* vcpuSrcuReadLock(vcpu);
      const inner = yield* vcpuBusWrite(vcpu, KvmBus.PIO, PORT, 1n);
      const outer = yield* ioBusWrite(kvm, KvmBus.PIO, PORT, 8, 2n);
      yield* vcpuSrcuReadUnlock(vcpu);
      return { inner, outer };
    },
    *vmm({ kvm, device }: WithPort) {
      yield* kvm.slotsLock.lock();
      yield* ioBusUnregisterDev(kvm, KvmBus.PIO, device.dev);
      yield* kvm.slotsLock.unlock();
      RegisterDevice.free(device);
    },
  },
  always: {
    'each section is ended once': never('suspicious RCU usage'),
  },
  sometimes: {
    'both writes reach the device': ({ results: { vcpu0 } }) => vcpu0.inner === 0 && vcpu0.outer === 0,
    'the device goes between them': ({ results: { vcpu0 } }) => vcpu0.inner === 0 && vcpu0.outer !== 0,
  },
});
