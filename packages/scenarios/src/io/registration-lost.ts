import {
  createVm,
  type Eventfd,
  type IoeventfdArgs,
  ioctlIoeventfd,
  type Kvm,
  openEventfd,
} from '@faultline/kvm';
import { KvmBus } from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';

interface TwoWriters {
  readonly kvm: Kvm;
  readonly eventfd: Eventfd;
}

/**
 * virt/kvm/eventfd.c, kvm_assign_ioeventfd_idx(); virt/kvm/kvm_main.c, kvm_io_bus_register_dev().
 *
 * Two threads of user space register at once. Each copies the array that it finds and publishes its copy; if both copy
 * the same one, the second to publish drops the other's range, and both free the same old array. kvm->slots_lock makes
 * one whole update of them: from reading the array to its publication, and on to the count of ioeventfds in the array
 * that was just published (the one before it is freed by then).
 *
 * A writer must not itself be inside a read section of kvm->srcu: it would wait for its own end.
 */
export const registrationLost = scenario('io/registration-lost', {
  title: 'two ioeventfds are assigned at once, and one of them is lost',
  source: 'virt/kvm/eventfd.c kvm_assign_ioeventfd_idx()',
  size: '2 assignments',
  defends: ['io.ioeventfd_holds_slots_lock'],
  *setup() {
    return { kvm: yield* createVm(), eventfd: openEventfd() };
  },
  threads: {
    *ioctl0(state: TwoWriters) {
      return yield* assign(state, 0x1000n);
    },
    *ioctl1(state: TwoWriters) {
      return yield* assign(state, 0x2000n);
    },
  },
  always: {
    'both are on the bus, and counted': (_, { kvm }) => {
      const bus = kvm.buses.at(KvmBus.MMIO).peek();
      return bus?.devCount === 2 && bus.ioeventfdCount === 2;
    },
    'no array is used after it was freed': never('use after free'),
    'an assignment comes to an end': never('deadlock'),
    'the bus is changed under slots_lock': never('wrong guard'),
  },
  sometimes: {
    'both succeed': ({ results: { ioctl0, ioctl1 } }) => ioctl0 === 0 && ioctl1 === 0,
  },
});

function* assign({ kvm, eventfd }: TwoWriters, addr: bigint): Task<number> {
  const args: IoeventfdArgs = { datamatch: 0n, addr, len: 4, fd: eventfd.addr, flags: 0 };
  return yield* ioctlIoeventfd(kvm, args);
}
