import {
  createVm,
  type Eventfd,
  ioctlIoeventfd,
  KVM_IOEVENTFD_FLAG_DEASSIGN,
  type Kvm,
  openEventfd,
} from '@faultline/kvm';
import { scenario, type Task } from '@faultline/machine';
import { exitWrite } from './bus-vm.ts';

interface TwoAddresses {
  readonly kvm: Kvm;
  readonly eventfd: Eventfd;
}

const args = ({ eventfd }: TwoAddresses, addr: bigint, flags: number) => {
  return { datamatch: 0n, addr, len: 4, fd: eventfd.addr, flags };
};

function* deassign(state: TwoAddresses, addr: bigint): Task<number> {
  return yield* ioctlIoeventfd(state.kvm, args(state, addr, KVM_IOEVENTFD_FLAG_DEASSIGN));
}

/**
 * One eventfd stands for two addresses, and both are taken back at once. Each holds a reference, and each ioctl another one
 * while it looks; they are counted without a common lock.
 */
export const eventfdReferenceLost = scenario('io/eventfd-reference-lost', {
  title: 'an eventfd is freed that user space still has open, or never',
  source: 'kvm_deassign_ioeventfd_idx, eventfd_ctx_put',
  size: '1 eventfd at 2 addresses, 2 deassignments',
  defends: ['io.get_eventfd', 'io.put_eventfd'],
  *setup() {
    const state: TwoAddresses = { kvm: yield* createVm(), eventfd: openEventfd() };
    yield* ioctlIoeventfd(state.kvm, args(state, 0x1000n, 0));
    yield* ioctlIoeventfd(state.kvm, args(state, 0x2000n, 0));
    return state;
  },
  threads: {
    *one(state: TwoAddresses) {
      return yield* deassign(state, 0x1000n);
    },
    *other(state: TwoAddresses) {
      return yield* deassign(state, 0x2000n);
    },
  },
  always: {
    'the reference of the file is the one that is left': (_, { eventfd }) => eventfd.kref.peek() === 1,
  },
  sometimes: {
    'both are taken back': ({ results }) => results.one === 0 && results.other === 0,
  },
});

/** Two vCPUs write to the address at once: each write is an event, and the reader of the eventfd is told how many. */
export const eventNotCounted = scenario('io/event-not-counted', {
  title: 'two writes of the guest are one event to user space',
  source: 'ioeventfd_write, eventfd_signal',
  size: '1 eventfd at 1 address, 2 vCPUs with 1 write each',
  defends: ['io.count_event'],
  *setup() {
    const state: TwoAddresses = { kvm: yield* createVm(), eventfd: openEventfd() };
    yield* ioctlIoeventfd(state.kvm, args(state, 0x1000n, 0));
    return state;
  },
  threads: {
    *vcpu0({ kvm }: TwoAddresses) {
      return yield* exitWrite(kvm, 0x1000, 7n, 4);
    },
    *vcpu1({ kvm }: TwoAddresses) {
      return yield* exitWrite(kvm, 0x1000, 8n, 4);
    },
  },
  always: {
    'each write is counted': (_, { eventfd }) => eventfd.count.peek() === 2,
  },
  sometimes: {
    'neither leads to user space': ({ results }) => results.vcpu0 === 0 && results.vcpu1 === 0,
  },
});
