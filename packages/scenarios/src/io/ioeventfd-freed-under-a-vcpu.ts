import {
  createVm,
  type Eventfd,
  type IoeventfdArgs,
  ioctlIoeventfd,
  KVM_IOEVENTFD_FLAG_DEASSIGN,
  type Kvm,
  openEventfd,
} from '@faultline/kvm';
import { never, scenario } from '@faultline/machine';
import { exitWrite } from './bus-vm.ts';

interface OneIoeventfd {
  readonly kvm: Kvm;
  readonly eventfd: Eventfd;
}

const argsOf = ({ eventfd }: OneIoeventfd, flags: number): IoeventfdArgs => ({
  datamatch: 0n,
  addr: 0x1000n,
  len: 4,
  fd: eventfd.addr,
  flags,
});

/**
 * virt/kvm/eventfd.c, kvm_deassign_ioeventfd_idx().
 *
 * User space takes an ioeventfd back while the guest writes to its address. Nothing of it may be released before
 * kvm_io_bus_unregister_dev() has returned: not the struct, which the handler reads, and not the reference that keeps
 * the eventfd alive, which the handler signals.
 */
export const ioeventfdFreedUnderAVcpu = scenario('io/ioeventfd-freed-under-a-vcpu', {
  title: 'an ioeventfd is deassigned while an exit is signalling it',
  source: 'virt/kvm/eventfd.c kvm_deassign_ioeventfd_idx()',
  size: '1 vCPU, 1 access, 1 deassignment',
  defends: ['io.unregister_waits_for_readers', 'io.deassign_holds_slots_lock'],
  *setup() {
    const state: OneIoeventfd = { kvm: yield* createVm(), eventfd: openEventfd() };
    yield* ioctlIoeventfd(state.kvm, argsOf(state, 0));
    return state;
  },
  threads: {
    *vcpu0({ kvm }: OneIoeventfd) {
      return yield* exitWrite(kvm, 0x1000, 7n, 4);
    },
    *ioctl(state: OneIoeventfd) {
      return yield* ioctlIoeventfd(state.kvm, argsOf(state, KVM_IOEVENTFD_FLAG_DEASSIGN));
    },
  },
  always: {
    'no exit runs a handler of what was freed': never('use after free'),
    'the list of ioeventfds is walked under slots_lock': never('wrong guard'),
  },
  sometimes: {
    'the exit signals': ({ results: { vcpu0 } }, { eventfd }) => vcpu0 === 0 && eventfd.count.peek() === 1,
    'the exit comes too late': ({ results: { vcpu0 } }, { eventfd }) =>
      vcpu0 < 0 && eventfd.count.peek() === 0,
  },
});
