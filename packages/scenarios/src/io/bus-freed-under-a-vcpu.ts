import { ioBusUnregisterDev, KvmBus, RegisterDevice } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { ADDR, type BusVm, busVm, exitWrite } from './bus-vm.ts';

/**
 * virt/kvm/kvm_main.c, kvm_io_bus_unregister_dev().
 *
 * An exit finds the array of ranges, then a device in it, then calls the device; a device is taken off the bus and freed
 * meanwhile. The exit holds no lock that the writer wants: it is inside a read section of kvm->srcu, and the writer waits
 * for such sections between publishing the smaller array and freeing anything that they may still hold.
 *
 * The other device stays, so that an exit may also walk the new array, which must be whole when it is found.
 */
export const busFreedUnderAVcpu = scenario('io/bus-freed-under-a-vcpu', {
  title: 'a device is unregistered and freed while an exit is calling it',
  source: 'virt/kvm/kvm_main.c kvm_io_bus_unregister_dev()',
  size: '1 vCPU, 1 access, 1 unregistration, 2 devices',
  claims: [
    { seed: '000.50', says: 'what a section found in kvm->buses lives until it ends', verdict: 'holds' },
  ],
  defends: ['io.unregister_waits_for_readers', 'io.publish_bus_without_device'],
  *setup() {
    return yield* busVm(2);
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
