import { createVcpu, createVm, type Kvm } from '@faultline/kvm';
import { scenario } from '@faultline/machine';

const EEXIST = 17;

/**
 * KVM_CREATE_VCPU from two threads of the VMM. Whether an id is taken, and which place in the array is free, is decided and
 * acted upon under kvm->lock: the other creation is before that or after it.
 */
export const vcpuIdGivenTwice = scenario('lifetime/vcpu-id-given-twice', {
  title: 'two vCPUs of one VM have the same id',
  source: 'kvm_vm_ioctl_create_vcpu',
  size: '2 creations with one id',
  defends: ['lifetime.place_vcpu_alone'],
  *setup() {
    return yield* createVm({ tableEntries: 1 });
  },
  threads: {
    *one(kvm: Kvm) {
      return errorOf(yield* createVcpu(kvm, 3));
    },
    *other(kvm: Kvm) {
      return errorOf(yield* createVcpu(kvm, 3));
    },
  },
  always: {
    'one gets the vCPU, the other -EEXIST': ({ results: { one, other } }) =>
      Math.max(one, other) === 0 && Math.min(one, other) === -EEXIST,
  },
  sometimes: {
    'the first thread is faster': ({ results }) => results.one === 0,
    'the second thread is faster': ({ results }) => results.other === 0,
  },
});

/** The same with two ids: both are there afterwards. */
export const vcpuReplaced = scenario('lifetime/vcpu-replaced-by-another', {
  title: 'a vCPU that was created is not among those of the VM',
  source: 'kvm_vm_ioctl_create_vcpu',
  size: '2 creations with two ids',
  defends: ['lifetime.place_vcpu_alone'],
  *setup() {
    return yield* createVm({ tableEntries: 1 });
  },
  threads: {
    *one(kvm: Kvm) {
      return errorOf(yield* createVcpu(kvm, 3));
    },
    *other(kvm: Kvm) {
      return errorOf(yield* createVcpu(kvm, 4));
    },
  },
  always: {
    'both are among those of the VM': (_, kvm) => idsOf(kvm).sort().join() === '3,4',
  },
  sometimes: {
    'the first thread is faster': (_, kvm) => idsOf(kvm)[0] === 3,
    'the second thread is faster': (_, kvm) => idsOf(kvm)[0] === 4,
  },
});

const errorOf = (result: unknown): number => (typeof result === 'number' ? result : 0);

function idsOf(kvm: Kvm): number[] {
  const ids: number[] = [];
  for (let i = 0; i < kvm.onlineVcpus.peek(); i++) ids.push(kvm.vcpus.at(i).peek()?.vcpuId ?? -1);
  return ids;
}
