import {
  createVm,
  type Eventfd,
  type IoeventfdArgs,
  ioctlIoeventfd,
  ioctlRegisterCoalescedMmio,
  type Kvm,
  openEventfd,
} from '@faultline/kvm';
import { KvmBus } from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';

interface Writers {
  readonly kvm: Kvm;
  readonly eventfd: Eventfd;
}

/**
 * virt/kvm/eventfd.c, kvm_assign_ioeventfd_idx(); virt/kvm/kvm_main.c, kvm_io_bus_register_dev().
 *
 * Several threads of user space register at once. Each copies the array that it finds and publishes its copy; if both copy
 * the same one, the second to publish drops the other's range, and both free the same old array. kvm->slots_lock makes
 * one whole update of them: from reading the array to its publication, and on to the count of ioeventfds in the array
 * that was just published (the one before it is freed by then).
 *
 * A writer must not itself be inside a read section of kvm->srcu: it would wait for its own end.
 */
export const registrationLost = scenario('io/registration-lost', {
  title: 'three devices are registered at once, and one of them is lost',
  source: 'virt/kvm/eventfd.c kvm_assign_ioeventfd_idx()',
  size: '2 ioeventfds and 1 coalesced zone',
  defends: ['io.assign_holds_slots_lock', 'io.zone_register_holds_slots_lock'],
  *setup() {
    return { kvm: yield* createVm(), eventfd: openEventfd() };
  },
  threads: {
    *ioctl0(state: Writers) {
      return yield* assign(state, 0x1000n);
    },
    *ioctl1(state: Writers) {
      return yield* assign(state, 0x2000n);
    },
    *ioctl2({ kvm }: Writers) {
      return yield* ioctlRegisterCoalescedMmio(kvm, { addr: 0x3000, size: 8, pio: 0 });
    },
  },
  always: {
    'all are on the bus, and counted': (_, { kvm }) => {
      const bus = kvm.buses.at(KvmBus.MMIO).peek();
      return bus?.devCount === 3 && bus.ioeventfdCount === 2;
    },
    'no array is used after it was freed': never('use after free'),
    'an assignment comes to an end': never('deadlock'),
    'the list of ioeventfds is walked under slots_lock': never('wrong guard'),
    'the array that a writer copies is found under slots_lock': never('suspicious RCU usage'),
  },
  sometimes: {
    'all succeed': ({ results: { ioctl0, ioctl1, ioctl2 } }) => [ioctl0, ioctl1, ioctl2].join() === '0,0,0',
  },
});

function* assign({ kvm, eventfd }: Writers, addr: bigint): Task<number> {
  const args: IoeventfdArgs = { datamatch: 0n, addr, len: 4, fd: eventfd.addr, flags: 0 };
  return yield* ioctlIoeventfd(kvm, args);
}
