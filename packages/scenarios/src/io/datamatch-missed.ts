import {
  createVm,
  type Eventfd,
  ioctlIoeventfd,
  KVM_IOEVENTFD_FLAG_DATAMATCH,
  type Kvm,
  openEventfd,
} from '@faultline/kvm';
import { scenario, type Task } from '@faultline/machine';
import { exitWrite } from './bus-vm.ts';

interface SharedAddress {
  readonly kvm: Kvm;
  readonly eventfds: readonly Eventfd[];
}

/**
 * virt/kvm/kvm_main.c, kvm_io_bus_get_first_dev() and __kvm_io_bus_write(); virt/kvm/eventfd.c, ioeventfd_write().
 *
 * A virtio device has one doorbell address for all its queues; the value that is written names the queue. So several
 * ioeventfds stand at one address, each for a value, and each refuses the others' values. A binary search lands on any
 * of them: the exit steps back to the first, then asks one after the other until one takes the write. A third is
 * assigned meanwhile, which changes where the search lands.
 */
export const datamatchMissed = scenario('io/datamatch-missed', {
  title: 'of several ioeventfds at one address the right one is not asked',
  source: 'virt/kvm/kvm_main.c kvm_io_bus_get_first_dev()',
  size: '1 vCPU, 2 accesses, 2 ioeventfds and a third on its way',
  defends: ['io.first_of_equal_ranges'],
  *setup() {
    const kvm = yield* createVm();
    const eventfds = [openEventfd(), openEventfd(), openEventfd()];
    yield* assign(kvm, eventfds[0] as Eventfd, 0n);
    yield* assign(kvm, eventfds[1] as Eventfd, 1n);
    return { kvm, eventfds };
  },
  threads: {
    *vcpu0({ kvm }: SharedAddress) {
      const first = yield* exitWrite(kvm, 0x1000, 0n, 4);
      const second = yield* exitWrite(kvm, 0x1000, 1n, 4);
      return [first, second];
    },
    *ioctl({ kvm, eventfds }: SharedAddress) {
      return yield* assign(kvm, eventfds[2] as Eventfd, 2n);
    },
  },
  always: {
    'each write signals the eventfd that waits for its value': (_, { eventfds }) =>
      eventfds.map(({ count }) => count.peek()).join() === '1,1,0',
  },
  sometimes: {
    'the third is assigned': ({ results: { ioctl } }) => ioctl === 0,
  },
});

function* assign(kvm: Kvm, eventfd: Eventfd, datamatch: bigint): Task<number> {
  const flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
  return yield* ioctlIoeventfd(kvm, { datamatch, addr: 0x1000n, len: 4, fd: eventfd.addr, flags });
}
