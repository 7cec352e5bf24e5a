import { deliverPostedInterrupt, iommuPost } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import {
  AT_ONCE,
  bitsOf,
  haltsUntil,
  interruptsOf,
  type PostedVm,
  postedVm,
  spinsUntil,
} from '../vm/posted-vm.ts';

const BOTH = bitsOf([3, 4]);
const ONE = bitsOf([3]);

/**
 * Another CPU delivers an interrupt by posting it, and the guest never leaves by itself. Either the vCPU finds the post
 * as it enters, or the CPU that posts finds it in its guest.
 */
export const deliveryLost = scenario('pi/delivery-lost', {
  title: 'a guest runs for ever, with an interrupt posted that nobody tells it of',
  source: 'vmx_deliver_posted_interrupt, vcpu_enter_guest',
  size: '1 vCPU whose guest spins, 1 CPU, 2 deliveries',
  defends: [
    'pi.sync_posted_before_entry',
    'pi.order_mode_before_post',
    'pi.notify_guest',
    'pi.clear_on_before_pir',
  ],
  *setup() {
    return yield* postedVm();
  },
  threads: {
    *vcpu0(posted: PostedVm) {
      return yield* spinsUntil(posted, BOTH);
    },
    *sender({ pi }: PostedVm) {
      yield* deliverPostedInterrupt(pi, 3);
      yield* deliverPostedInterrupt(pi, 4);
    },
    *cpu0(posted: PostedVm) {
      yield* interruptsOf(posted, 0);
    },
  },
  always: { 'no guest runs on without an interrupt that was posted': never('livelock') },
  sometimes: {
    'the guest takes one while it runs': (_, { cpus }) => (cpus.cpu.get(0)?.taken.peek() ?? 0) > 0,
    'it enters with both': (_, { cpus }) => cpus.cpu.get(0)?.taken.peek() === 0,
  },
});

/** The same for a guest that halts, in a VM without devices: no post wakes it, so the CPU that posts has to. */
export const deliveryFindsNobodyAsleep = scenario('pi/delivery-finds-nobody-asleep', {
  title: 'a vCPU sleeps for ever, with an interrupt that another one posted as it lay down',
  source: 'kvm_vcpu_trigger_posted_interrupt, kvm_vcpu_block',
  size: '1 vCPU whose guest halts, 1 CPU, 1 delivery, no device',
  defends: ['pi.wake_for_delivery', 'pi.check_before_sleeping', 'pi.asleep_before_looking'],
  *setup() {
    return yield* postedVm({ assignedDevices: 0 });
  },
  threads: {
    *vcpu0(posted: PostedVm) {
      return yield* haltsUntil(posted, ONE);
    },
    *sender({ pi }: PostedVm) {
      yield* deliverPostedInterrupt(pi, 3);
    },
    *cpu0(posted: PostedVm) {
      yield* interruptsOf(posted, 0);
    },
  },
  always: { 'no vCPU sleeps on with an interrupt that was posted': never('livelock') },
  sometimes: { 'the guest handles it': ({ results }) => results.vcpu0 === ONE },
});

/** A vCPU is loaded wherever its thread happens to run. A device posts for a guest that spins there. */
export const notifiedOnTheWrongCpu = scenario('pi/wrong-cpu-notified', {
  title: 'a guest runs on one CPU, and its interrupts are announced on another',
  source: 'vcpu_load, vmx_vcpu_pi_load',
  size: '1 vCPU whose guest spins, 2 CPUs, a device with 2 posts',
  exploredOnly: AT_ONCE,
  *setup() {
    return yield* postedVm({ cpus: 2 });
  },
  threads: {
    *vcpu0(posted: PostedVm) {
      return yield* spinsUntil(posted, BOTH);
    },
    *device({ cpus, desc }: PostedVm) {
      yield* iommuPost(cpus, desc, 3);
      yield* iommuPost(cpus, desc, 4);
    },
    *cpu0(posted: PostedVm) {
      yield* interruptsOf(posted, 0);
    },
    *cpu1(posted: PostedVm) {
      yield* interruptsOf(posted, 1);
    },
  },
  always: { 'no guest runs on without an interrupt that was posted': never('livelock') },
  sometimes: {
    'the guest takes one on CPU 1': (_, { cpus }) => (cpus.cpu.get(1)?.taken.peek() ?? 0) > 0,
  },
});
