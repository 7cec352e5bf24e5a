import { ioBusUnregisterDev, KvmBus, type RegisterDevice } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { ADDR, type BusVm, busVm, exitWrite } from './bus-vm.ts';

/**
 * virt/kvm/kvm_main.c, kvm_io_bus_unregister_dev(); Linux 5d3c4c79384a ("KVM: Stop looking for coalesced MMIO zones if
 * the bus is destroyed") tells what follows from a failure here.
 *
 * A device that is taken off a bus is never called again, whatever unregister_dev() returns: its owner is about to free
 * it. There may be no memory for an array without it. To keep the old array then would keep the device within reach, so
 * the whole bus goes instead.
 */
export const deviceCalledAfterUnregister = scenario('io/device-called-after-unregister', {
  title: 'unregistering fails for want of memory, and the device is called again',
  source: '5d3c4c79384a',
  size: '1 vCPU, 1 access, 1 unregistration whose allocation may fail',
  *setup() {
    return yield* busVm(1, { allocMayFail: true });
  },
  threads: {
    *vcpu0({ kvm }: BusVm) {
      return yield* exitWrite(kvm, ADDR[0], 7n);
    },
    *ioctl({ kvm, devices: [device] }: BusVm) {
      const target = device as RegisterDevice;
      yield* kvm.slotsLock.lock();
      const result = yield* ioBusUnregisterDev(kvm, KvmBus.MMIO, target.dev);
      yield* kvm.slotsLock.unlock();
      return { result, calls: yield* target.calls.readOnce() };
    },
  },
  always: {
    'no device is called after its unregister returned': ({ results: { ioctl } }, { devices: [device] }) =>
      device?.calls.peek() === ioctl.calls,
  },
  sometimes: {
    'the device is called before': ({ results: { ioctl } }) => ioctl.calls === 1,
    'the access comes too late': ({ results: { vcpu0 } }) => vcpu0 < 0,
    'there is no memory for the smaller bus': ({ results: { ioctl } }) => ioctl.result < 0,
  },
});
