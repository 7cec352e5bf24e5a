import { allocRegisterDevice } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { ADDR, type BusVm, busVm, exitWrite, registerDevice } from './bus-vm.ts';

/**
 * virt/kvm/kvm_main.c, kvm_io_bus_register_dev().
 *
 * Ranges stand in order of address, so a new one moves those behind it by one place. An exit that looks for one of them
 * meanwhile must find the array as it was or as it will be: the move happens in a copy, the copy is published when it is
 * filled, and the old array stays until every exit that found it is over.
 */
export const rangesMoveUnderAVcpu = scenario('io/ranges-move-under-a-vcpu', {
  title: 'a device is registered in front of the one that an exit is looking for',
  source: 'virt/kvm/kvm_main.c kvm_io_bus_register_dev()',
  size: '1 vCPU, 1 access, 1 registration, 2 devices before',
  defends: ['io.register_waits_for_readers', 'io.publish_bus_with_device'],
  *setup() {
    return yield* busVm(2);
  },
  threads: {
    *vcpu0({ kvm }: BusVm) {
      return yield* exitWrite(kvm, ADDR[1], 7n);
    },
    *ioctl({ kvm }: BusVm) {
      return yield* registerDevice(kvm, 0, allocRegisterDevice());
    },
  },
  always: {
    'no array changes under an exit that found it': never('data race'),
    'no array is freed under an exit that found it': never('use after free'),
  },
  sometimes: {
    'the exit reaches its device': ({ results: { vcpu0 } }) => vcpu0 === 0,
  },
});
