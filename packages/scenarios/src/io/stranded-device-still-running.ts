import { ioBusUnregisterDev, KvmBus, RegisterDevice } from '@faultline/kvm/seams';
import { describe, never, scenario } from '@faultline/machine';
import { ADDR, type BusVm, busVm, exitWrite } from './bus-vm.ts';

/**
 * virt/kvm/kvm_main.c, kvm_io_bus_unregister_dev(); Linux 2ee3757424be ("KVM: Destroy I/O bus devices on unregister
 * failure _after_ sync'ing SRCU").
 *
 * Without memory for a smaller array the bus goes, and with it every other device, because nobody could find them any
 * more to end them. A vCPU may be running one of those at that very moment: they too are destroyed only after the grace
 * period. The target is not among them: its owner frees it, and a second free would be one too many.
 */
export const strandedDeviceStillRunning = scenario('io/stranded-device-still-running', {
  title: 'the bus is given up, and a device of it is destroyed under an exit, twice, or never',
  source: '2ee3757424be',
  size: '1 vCPU, 1 access, 1 unregistration whose allocation may fail, 2 devices',
  defends: ['io.destroy_stranded_devices', 'io.unregister_waits_for_readers'],
  *setup() {
    return yield* busVm(2, { allocMayFail: true });
  },
  threads: {
    *vcpu0({ kvm }: BusVm) {
      return yield* exitWrite(kvm, ADDR[1], 7n);
    },
    *ioctl({ kvm, devices: [device] }: BusVm) {
      const target = device as RegisterDevice;
      yield* kvm.slotsLock.lock();
      const result = yield* ioBusUnregisterDev(kvm, KvmBus.MMIO, target.dev);
      RegisterDevice.free(target);
      yield* kvm.slotsLock.unlock();
      return result;
    },
  },
  always: {
    'no device is destroyed under an exit, or twice': never('use after free'),
    'a device is on the bus or destroyed': (_, { kvm, devices: [, other] }) => {
      const gone = kvm.buses.at(KvmBus.MMIO).peek() === null;
      return gone === describe((other as RegisterDevice).addr).freed;
    },
  },
  sometimes: {
    'the exit is in a device of a bus that is given up': ({ results: { vcpu0, ioctl } }) =>
      vcpu0 === 0 && ioctl < 0,
    'the exit finds the bus gone': ({ results: { vcpu0, ioctl } }) => vcpu0 < 0 && ioctl < 0,
    'the other device stays': ({ results: { vcpu0, ioctl } }) => vcpu0 === 0 && ioctl === 0,
  },
});
