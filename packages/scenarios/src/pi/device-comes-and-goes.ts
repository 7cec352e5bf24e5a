import { deliverPostedInterrupt, endAssignment, iommuPost, startAssignment } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { AT_ONCE, bitsOf, haltsUntil, interruptsOf, type PostedVm, postedVm } from '../vm/posted-vm.ts';

const ONE = bitsOf([3]);
const BOTH = bitsOf([3, 4]);

/** A VM without devices is given its first one. Its vCPU sleeps already, as if no device could wake it. */
export const deviceAttachedUnderASleeper = scenario('pi/device-attached-under-a-sleeper', {
  title: 'a vCPU that slept before the VM had a device sleeps through its interrupts',
  source: 'a2486020a82e, kvm_arch_start_assignment',
  size: '1 vCPU, 1 CPU, a device that is assigned and posts once',
  defends: ['pi.unblock_sleepers'],
  exploredOnly: AT_ONCE,
  *setup() {
    return yield* postedVm({ assignedDevices: 0 });
  },
  threads: {
    *vcpu0(posted: PostedVm) {
      return yield* haltsUntil(posted, ONE);
    },
    *device({ vm, cpus, desc }: PostedVm) {
      yield* startAssignment(vm);
      yield* iommuPost(cpus, desc, 3);
    },
    *cpu0(posted: PostedVm) {
      yield* interruptsOf(posted, 0);
    },
  },
  always: {
    'no vCPU sleeps on with an interrupt that was posted': never('livelock'),
    'no CPU waits for itself': never('deadlock'),
  },
  sometimes: { 'the guest handles it': ({ results }) => results.vcpu0 === ONE },
});

/** The last device goes while the vCPU sleeps on the list, and another one comes before it sleeps again. */
export const deviceDetachedUnderASleeper = scenario('pi/device-detached-under-a-sleeper', {
  title: 'a vCPU stays on the list of a VM that has no device any more, and joins it a second time',
  source: '8b306e2f3c41, pi_post_block',
  size: '1 vCPU, 1 CPU, 2 deliveries by the host, a device that goes and comes back in between, protocol up to 5.16',
  deep: true,
  *setup() {
    return yield* postedVm({ protocol: 'old' });
  },
  threads: {
    *vcpu0(posted: PostedVm) {
      return yield* haltsUntil(posted, BOTH);
    },
    *host({ vm, pi }: PostedVm) {
      yield* deliverPostedInterrupt(pi, 3);
      yield* endAssignment(vm);
      yield* startAssignment(vm);
      yield* deliverPostedInterrupt(pi, 4);
    },
  },
  always: {
    'no list of sleeping vCPUs is corrupted': never('BUG'),
  },
  sometimes: { 'the guest handles both': ({ results }) => results.vcpu0 === BOTH },
});
