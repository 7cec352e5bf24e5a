import { iommuPost, type PostedInterruptOptions, type Scheduling } from '@faultline/kvm/seams';
import { type Claim, type Never, never, scenario } from '@faultline/machine';
import { AT_ONCE, bitsOf, haltsUntil, interruptsOf, type PostedVm, postedVm } from '../vm/posted-vm.ts';

interface Case {
  readonly title: string;
  readonly size: string;
  readonly vm?: PostedInterruptOptions;
  readonly host?: Scheduling;
  readonly posts?: readonly number[];
  readonly always?: Readonly<Record<string, Never>>;
  readonly defends?: readonly string[];
  readonly deep?: boolean;
  readonly preemptRt?: boolean;
  readonly expect?: 'violated';
  readonly claims?: readonly Claim[];
}

const SLEEPS_ON = { 'no vCPU sleeps on with an interrupt that was posted': never('livelock') };
const ATOMIC = {
  'nobody sleeps where a CPU cannot': never('sleeping function called from invalid context'),
};

const TWO = [3, 4];

/**
 * A device posts interrupts for a vCPU whose guest halts until it has had them. Wherever the vCPU is on its way to
 * sleep, from one CPU to another, or back, none is lost. The CPUs that it may run on take their interrupts.
 */
function lost(name: string, { vm = {}, host = {}, posts = [3], always = SLEEPS_ON, ...more }: Case) {
  const until = bitsOf(posts);
  return scenario(name, {
    source:
      vm.protocol === 'old' ? 'pi_pre_block, pi_post_block, up to 5.16' : 'vmx_vcpu_pi_load, vmx_vcpu_pi_put',
    exploredOnly: AT_ONCE,
    ...more,
    *setup() {
      return yield* postedVm(vm);
    },
    threads: {
      *vcpu0(posted: PostedVm) {
        return yield* haltsUntil(posted, until, host);
      },
      *device({ cpus, desc }: PostedVm) {
        for (let i = 0; i < posts.length; i++) yield* iommuPost(cpus, desc, posts[i] as number);
      },
      *cpu0(posted: PostedVm) {
        yield* interruptsOf(posted, 0);
      },
      *cpu1(posted: PostedVm) {
        if (posted.cpus.count === 2) yield* interruptsOf(posted, 1);
      },
    },
    always,
    sometimes: { 'the guest handles what was posted': ({ results }) => results.vcpu0 === until },
  });
}

const WAKE_UP_LIST = [
  {
    seed: '000.56',
    says: 'wakeup_vcpus_on_cpu_lock protects the list of vCPUs that sleep on its CPU',
    verdict: 'holds',
  },
  {
    seed: '000.57',
    says: 'a wake-up notification finds the vCPU on that list and wakes it',
    verdict: 'holds',
  },
] as const;

const TYPE_OF_THE_LOCK = {
  seed: '000.58',
  says: 'the lock of that list is a spinlock_t',
  verdict: 'wrong',
  but: 'a hard interrupt takes it and the switch away from a task does: under PREEMPT_RT it has to be raw, as it is since 5.17',
} as const;

export const postedInterruptLost = lost('pi/posted-interrupt-lost', {
  title: 'a vCPU sleeps for ever, with an interrupt that a device posted',
  size: '1 vCPU, 1 CPU, a device with 1 post',
  claims: WAKE_UP_LIST,
  always: { ...SLEEPS_ON, 'no CPU waits for itself': never('deadlock') },
  defends: [
    'pi.wake_for_earlier_post',
    'pi.wake_by_post',
    'pi.join_wakeup_list',
    'pi.notify_wakeup',
    'pi.wake_whoever_has_a_post',
  ],
});

export const postLostBetweenCpus = lost('pi/post-lost-between-two-cpus', {
  title: 'a vCPU sleeps on one CPU and comes back on another, and an interrupt is lost on the way',
  size: '1 vCPU, 2 CPUs, 1 preemption, a device with 1 post',
  vm: { cpus: 2 },
  host: { preemptions: 1 },
  always: {
    ...SLEEPS_ON,
    'no list of sleeping vCPUs is corrupted': never('BUG'),
    'no list changes under a handler that walks it': never('data race'),
  },
  defends: ['pi.notice_suppressed_posts'],
});

export const secondPostLost = lost('pi/second-post-lost', {
  title: 'the second of two interrupts finds the vCPU on its way to sleep again',
  size: '1 vCPU, 2 CPUs, a device with 2 posts',
  vm: { cpus: 2 },
  posts: TWO,
  defends: ['pi.wake_for_earlier_post'],
  deep: true,
});

export const postedInterruptLostBefore = lost('pi/posted-interrupt-lost-before-5-17', {
  title: 'the same with the vCPU on the list while it sleeps, from before it does',
  size: '1 vCPU, 1 CPU, a device with 1 post, protocol up to 5.16',
  vm: { protocol: 'old' },
  defends: ['pi.notify_before_5_17'],
});

export const postLostBetweenCpusBefore = lost('pi/post-lost-between-two-cpus-before-5-17', {
  title: 'a vCPU on the list of one CPU comes back on another, and an interrupt is lost on the way',
  size: '1 vCPU, 2 CPUs, 1 preemption, a device with 1 post, protocol up to 5.16',
  vm: { protocol: 'old', cpus: 2 },
  host: { preemptions: 1 },
  defends: ['pi.notice_suppressed_posts'],
});

export const secondPostLostBefore = lost('pi/second-post-lost-before-5-17', {
  title: 'the second of two interrupts finds the vCPU on its way to sleep again',
  size: '1 vCPU, 2 CPUs, a device with 2 posts, protocol up to 5.16',
  vm: { protocol: 'old', cpus: 2 },
  posts: TWO,
  defends: ['pi.notify_before_5_17'],
  deep: true,
});

export const wakeUpSleepsUnderRt = lost('pi/wake-up-handler-sleeps', {
  title: 'under PREEMPT_RT the handler of a wake-up waits for a lock that sleeps',
  size: '1 vCPU, 1 CPU, a device with 1 post, PREEMPT_RT',
  preemptRt: true,
  always: ATOMIC,
});

export const wakeUpSleptUnderRt = lost('pi/wake-up-handler-sleeps-before-5-17', {
  title: 'the same with the lock as it was: an ordinary one',
  size: '1 vCPU, 1 CPU, a device with 1 post, protocol up to 5.16, PREEMPT_RT',
  vm: { protocol: 'old' },
  preemptRt: true,
  always: ATOMIC,
  expect: 'violated',
  claims: [TYPE_OF_THE_LOCK],
});
