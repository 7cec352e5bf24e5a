import { allocRegisterDevice, ioBusUnregisterDev, KvmBus, RegisterDevice } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { ADDR, type BusVm, busVm, exitWrite, registerDevice } from './bus-vm.ts';

/**
 * io/bus-freed-under-a-vcpu and io/ranges-move-under-a-vcpu at once, with every level real: the counters and both scans
 * of SRCU instead of its two operations. One writer takes a device off the bus while another puts one on it, and an exit
 * looks for the device that goes, then for one that stays.
 */
export const busFreedUnderAVcpuReal = scenario('io/bus-freed-under-a-vcpu-real', {
  title: 'devices come and go under an exit, SRCU from its counters',
  source: 'virt/kvm/kvm_main.c kvm_io_bus_register_dev(), kvm_io_bus_unregister_dev()',
  size: '1 vCPU, 2 accesses, 1 registration, 1 unregistration, real SRCU on 2 CPUs',
  deep: true,
  *setup() {
    return yield* busVm(2, { srcu: 'real', cpus: 2 });
  },
  threads: {
    *vcpu0({ kvm }: BusVm) {
      return [yield* exitWrite(kvm, ADDR[0], 7n), yield* exitWrite(kvm, ADDR[1], 8n)];
    },
    *remover({ kvm, devices: [device] }: BusVm) {
      yield* kvm.slotsLock.lock();
      const target = device as RegisterDevice;
      const result = yield* ioBusUnregisterDev(kvm, KvmBus.MMIO, target.dev);
      RegisterDevice.free(target);
      yield* kvm.slotsLock.unlock();
      return result;
    },
    *adder({ kvm }: BusVm) {
      return yield* registerDevice(kvm, 2, allocRegisterDevice());
    },
  },
  always: {
    'no exit touches a freed array or a freed device': never('use after free'),
    'an exit that finds an array finds it filled': never('data race'),
    'the device that stays is always found': ({ results: { vcpu0 } }, { devices: [, device] }) =>
      vcpu0[1] === 0 && device?.calls.peek() === 1,
    'both changes are made': (_, { kvm }) => kvm.buses.at(KvmBus.MMIO).peek()?.devCount === 2,
  },
  sometimes: {
    'the exit still reaches the device that goes': ({ results: { vcpu0 } }) => vcpu0[0] === 0,
    'the exit finds it gone': ({ results: { vcpu0 } }) => (vcpu0[0] as number) < 0,
  },
});
