import { createVcpu, createVm, getVcpu, type Kvm } from '@faultline/kvm';
import { never, scenario } from '@faultline/machine';

/**
 * KVM_CREATE_VCPU stores the vCPU, then counts it. Everyone who walks the vCPUs looks at the count first, so whoever
 * sees it counted must find it, complete.
 */
export const vcpuCountedBeforeItIsThere = scenario('lifetime/vcpu-counted-before-it-is-there', {
  title: 'online_vcpus counts a vCPU that cannot be found',
  source: 'kvm_vm_ioctl_create_vcpu',
  size: '1 creation, 1 reader',
  defends: ['lifetime.publish_vcpu'],
  *setup() {
    return yield* createVm({ tableEntries: 1 });
  },
  threads: {
    *create(kvm: Kvm) {
      return typeof (yield* createVcpu(kvm, 3)) === 'object';
    },
    *reader(kvm: Kvm) {
      const online = yield* kvm.onlineVcpus.loadAcquire();
      const vcpu = yield* getVcpu(kvm, 0);
      return { counted: online > 0, id: vcpu === null ? -1 : vcpu.vcpuId };
    },
  },
  always: {
    'a vCPU that is counted is found': ({ results: { reader } }) => !reader.counted || reader.id === 3,
    'a vCPU that is found is complete': never('data race'),
  },
  sometimes: {
    'the reader finds it': ({ results: { reader } }) => reader.id === 3,
    'the reader does not': ({ results: { reader } }) => reader.id === -1,
  },
});
