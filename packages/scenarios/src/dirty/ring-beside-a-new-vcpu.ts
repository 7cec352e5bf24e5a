import { createVcpu, createVm, enableDirtyLogRing, type Kvm } from '@faultline/kvm';
import { never, scenario } from '@faultline/machine';

const BYTES = 4096;

/**
 * Rings are enabled before the first vCPU, and each vCPU is made with its own. Both ioctls hold kvm->lock: one as it looks
 * whether there is a vCPU and says how large the rings are, the other as it counts the vCPU, which looks at the size later.
 */
export const ringBesideANewVcpu = scenario('dirty/ring-enabled-beside-a-new-vcpu', {
  title: 'a VM has dirty rings, and a vCPU without one',
  source: 'kvm_vm_ioctl_enable_dirty_log_ring',
  size: '1 creation of a vCPU, 1 KVM_CAP_DIRTY_LOG_RING',
  defends: ['dirty.enable_ring_alone'],
  *setup() {
    return yield* createVm({ tableEntries: 1 });
  },
  threads: {
    *create(kvm: Kvm) {
      return typeof (yield* createVcpu(kvm, 0)) === 'object';
    },
    *enable(kvm: Kvm) {
      return yield* enableDirtyLogRing(kvm, BYTES);
    },
  },
  always: {
    'the size of rings is decided under kvm->lock': never('wrong guard'),
  },
  sometimes: {
    'a vCPU that comes after the rings has one': ({ results }, kvm) =>
      results.enable === 0 && kvm.vcpus.at(0).peek()?.dirtyRing !== null,
    'the vCPU comes first': ({ results }) => results.enable < 0,
  },
});
