import { exitGuest, flushRemoteTlbs, guestRead } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { GPA0, GPA1 } from '../vm/mmu-vm.ts';
import { type Client, flush, flushClient, lookAround, movePage } from './flush-client.ts';

/**
 * Scenarios that are not about flushes run the abstract one: each vCPU's TLB is emptied between two of its instructions,
 * in any order. That is sound if it allows every outcome of the real one, with its requests, modes and interrupts. This
 * client sees all that a guest and a flusher can see of a flush: which vCPU still uses which frame, before and after the
 * flush has returned. Its outcomes are compared between the levels.
 *
 * One operation that empties all TLBs would be too coarse: one vCPU may use the new frame, and say so, while another
 * goes on with the old one.
 */
export const flushShowsMoreThanAbstract = scenario('mmu/flush-shows-more-than-abstract', {
  title: 'the abstract flush hides an outcome of the real one',
  source: 'kvm_flush_remote_tlbs',
  size: '2 vCPUs, 1 read each, 1 page moved, flush and entry real',
  defends: ['mmu.set_request', 'mmu.interrupt_vcpus_in_guest'],
  *setup(): Task<Client> {
    return yield* flushClient({ remoteFlush: 'real', vcpuEntry: 'real' }, 2);
  },
  threads: {
    *vcpu0(client: Client) {
      return yield* lookAround(client, 0);
    },
    *vcpu1(client: Client) {
      return yield* lookAround(client, 1);
    },
    *flusher(client: Client) {
      yield* movePage(client, 0, 2);
      yield* flush(client);
    },
  },
  always: {
    'after the flush has returned, no vCPU uses the old frame': ({ results: { vcpu0, vcpu1 } }) =>
      (vcpu0[1] === 0 || vcpu0[2] === 2) && (vcpu1[1] === 0 || vcpu1[2] === 2),
  },
  sometimes: {
    'vCPU 0 uses the new frame, then vCPU 1 the old one': ({ results: { vcpu1 } }) =>
      vcpu1[0] === 2 && vcpu1[2] === 0,
    'vCPU 1 uses the new frame, then vCPU 0 the old one': ({ results: { vcpu0 } }) =>
      vcpu0[0] === 2 && vcpu0[2] === 0,
  },
});

/** One vCPU that goes in, and two flushers, each with a page of its own. */
export const twoFlushers = scenario('mmu/flush-shows-more-than-abstract-flushers', {
  title: 'the abstract flush hides an outcome of two real ones at once',
  source: 'kvm_flush_remote_tlbs',
  size: '1 vCPU, 2 reads, 2 pages moved by 2 flushers, flush and entry real',
  defends: ['mmu.set_request', 'mmu.interrupt_vcpus_in_guest'],
  *setup(): Task<Client> {
    const client = yield* flushClient({ remoteFlush: 'real', vcpuEntry: 'real' }, 1);
    yield* exitGuest(client.vcpu);
    return client;
  },
  threads: {
    *vcpu0({ vcpu, marks }: Client) {
      const second = Number((yield* guestRead(vcpu, GPA1)).value);
      const done = yield* marks.done.readOnce();
      const first = Number((yield* guestRead(vcpu, GPA0)).value);
      return [done, first, second];
    },
    *flusher(client: Client) {
      yield* movePage(client, 0, 2);
      yield* flush(client);
    },
    *other(client: Client) {
      yield* movePage(client, 1, 3);
      yield* flushRemoteTlbs(client.kvm);
    },
  },
  always: {
    'after the first has returned, the vCPU does not use its old frame': ({ results: { vcpu0 } }) =>
      vcpu0[0] === 0 || vcpu0[1] === 2,
  },
  sometimes: {
    'a flush takes the other page along': ({ results: { vcpu0 } }) =>
      vcpu0[0] === 0 && vcpu0[1] === 2 && vcpu0[2] === 3,
    'one page is new and the other is not': ({ results: { vcpu0 } }) => vcpu0[1] === 0 && vcpu0[2] === 3,
  },
});
