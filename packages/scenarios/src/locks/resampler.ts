import { type Eventfd, openEventfd } from '@faultline/kvm';
import {
  acknowledge,
  KvmResamplers,
  ResampleIrqfd,
  resampleInject,
  resamplerAssign,
  resamplerShutdown,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { type IrqVm, irqVm, LINE } from '../vm/irq-vm.ts';

interface Resampling extends IrqVm {
  readonly rs: KvmResamplers;
  readonly resamplefds: readonly Eventfd[];
  readonly irqfds: readonly ResampleIrqfd[];
  /** Address of the resampler that was made in the set-up. */
  readonly first: number;
}

/** Level-triggered irqfds on one line, each with its own resample eventfd. */
function* resampling(irqfds: number, fds = irqfds): Task<Resampling> {
  const vm = yield* irqVm();
  const rs = KvmResamplers.alloc();
  const resamplefds = Array.from({ length: fds }, () => openEventfd());
  const made: ResampleIrqfd[] = [];
  for (let i = 0; i < irqfds; i++) {
    made.push(yield* resamplerAssign(vm.kvm, rs, resamplefds[i] as Eventfd, LINE));
  }
  return { ...vm, rs, resamplefds, irqfds: made, first: rs.resamplerList?.addr ?? 0 };
}

/** An irqfd goes, as its shutdown has it. */
function* goes({ kvm, rs }: Resampling, irqfd: ResampleIrqfd): Task {
  yield* resamplerShutdown(kvm, rs, irqfd);
  ResampleIrqfd.free(irqfd);
}

/**
 * virt/kvm/eventfd.c irqfd_resampler_ack().
 *
 * Two irqfds share a line. One goes while the guest acknowledges it: the walk may be standing on it, inside irq_srcu, so it
 * is freed when such walks are over. They are waited for with resampler_lock held, so no walk takes that.
 */
export const irqfdFreedUnderAResample = scenario('locks/irqfd-freed-under-a-resample', {
  title: 'a level-triggered irqfd is freed while an acknowledgement tells it to look again',
  source: 'irqfd_resampler_ack, irqfd_resampler_shutdown',
  size: '2 irqfds of a line, 1 acknowledgement, 1 that goes',
  defends: ['locks.resampler_waits_for_acks'],
  *setup() {
    return yield* resampling(2);
  },
  threads: {
    *vcpu0({ kvm }: Resampling) {
      yield* acknowledge(kvm, LINE);
    },
    *vmm(vm: Resampling) {
      yield* goes(vm, vm.irqfds[0] as ResampleIrqfd);
    },
  },
  always: {
    'no irqfd is told after it was freed': never('use after free'),
    'the acknowledgement and the shutdown both end': never('deadlock'),
    'the one that stays is told': (_, { resamplefds }) => resamplefds[1]?.count.peek() === 1,
  },
  sometimes: {
    'the one that goes is told': (_, { resamplefds }) => resamplefds[0]?.count.peek() === 1,
    'it is not': (_, { resamplefds }) => resamplefds[0]?.count.peek() === 0,
  },
});

/** The last irqfd of a line goes, and its resampler with it, while another one comes to the line. */
export const resamplerEndsAsOneJoins = scenario('locks/resampler-ends-as-an-irqfd-joins', {
  title: 'an irqfd joins the resampler of its line while the last one there leaves, and both are freed',
  source: 'kvm_irqfd_assign, irqfd_resampler_shutdown',
  size: '1 irqfd that goes, 1 that comes and is acknowledged',
  defends: ['locks.serialize_resamplers'],
  *setup() {
    return yield* resampling(1, 2);
  },
  threads: {
    *cleanup(vm: Resampling) {
      yield* goes(vm, vm.irqfds[0] as ResampleIrqfd);
    },
    *vmm({ kvm, rs, resamplefds }: Resampling) {
      yield* resamplerAssign(kvm, rs, resamplefds[1] as Eventfd, LINE);
      yield* acknowledge(kvm, LINE);
    },
  },
  always: {
    'no resampler is used after it was freed': never('use after free'),
    'the list changes under resampler_lock': never('wrong guard'),
    'both come to an end': never('deadlock'),
    'the one that came is told': (_, { resamplefds }) => resamplefds[1]?.count.peek() === 1,
  },
  sometimes: {
    'it makes a resampler of its own': (_, { rs, first }) => rs.resamplerList?.addr !== first,
    'it joins the one that is there': (_, { rs, first }) => rs.resamplerList?.addr === first,
  },
});

/** The device drives the line for as long as it wants attention: told that it was acknowledged, it raises the line again. */
export const levelLost = scenario('locks/level-of-a-line-lost', {
  title: 'a device still wants attention, and its line is down',
  source: 'irqfd_resampler_ack',
  size: '1 irqfd, 1 acknowledgement, a device that looks again',
  *setup() {
    const vm = yield* resampling(1);
    yield* resampleInject(vm.irqfds[0] as ResampleIrqfd);
    return vm;
  },
  threads: {
    *vcpu0({ kvm }: Resampling) {
      yield* acknowledge(kvm, LINE);
    },
    *device({ resamplefds, irqfds }: Resampling) {
      yield* (resamplefds[0] as Eventfd).count.awaitDiffers(0);
      return yield* resampleInject(irqfds[0] as ResampleIrqfd);
    },
  },
  always: {
    'the line of a device that wants attention is up': (_, { rs }) => rs.resamplerList?.line.peek() === 1,
  },
  sometimes: {
    'it is raised again': ({ results }) => results.device,
  },
});
