import { ioBusUnregisterDev, KvmBus, RegisterDevice } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { ADDR, type BusVm, busVm, exitWrite } from './bus-vm.ts';

/** io/bus-freed-under-a-vcpu with every level real: the counters and both scans of SRCU instead of its two operations. */
export const busFreedUnderAVcpuReal = scenario('io/bus-freed-under-a-vcpu-real', {
  title: 'a device is unregistered and freed while an exit is calling it, SRCU from its counters',
  source: 'virt/kvm/kvm_main.c kvm_io_bus_unregister_dev()',
  size: '1 vCPU, 1 access, 1 unregistration, 2 devices, real SRCU on 2 CPUs',
  deep: true,
  *setup() {
    return yield* busVm(2, { srcu: 'real', cpus: 2 });
  },
  threads: {
    *vcpu0({ kvm }: BusVm) {
      return yield* exitWrite(kvm, ADDR[0], 7n);
    },
    *ioctl({ kvm, devices: [device] }: BusVm) {
      yield* kvm.slotsLock.lock();
      const target = device as RegisterDevice;
      const result = yield* ioBusUnregisterDev(kvm, KvmBus.MMIO, target.dev);
      RegisterDevice.free(target);
      yield* kvm.slotsLock.unlock();
      return result;
    },
  },
  always: {
    'no exit touches a freed array or a freed device': never('use after free'),
    'an exit that finds an array finds it filled': never('data race'),
  },
  sometimes: {
    'the exit still reaches the device': ({ results: { vcpu0 } }) => vcpu0 === 0,
    'the exit finds the device gone': ({ results: { vcpu0 } }) => vcpu0 < 0,
  },
});
