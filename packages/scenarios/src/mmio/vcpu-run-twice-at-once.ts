import { assemble, vcpuRun } from '@faultline/kvm';
import { never, scenario } from '@faultline/machine';
import { type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * KVM_RUN of one vCPU from two threads of the VMM. All that a vCPU keeps from one exit to the next, the instruction that is
 * under way and what user space still has to answer, is protected by vcpu->mutex and by nothing else.
 */
export const vcpuRunTwiceAtOnce = scenario('mmio/vcpu-run-twice-at-once', {
  title: 'two threads run one vCPU, and both carry out the same instruction',
  source: 'kvm_vcpu_ioctl',
  size: '1 vCPU, 2 KVM_RUN, 2 port writes of the guest',
  defends: ['mmio.run_holds_vcpu_mutex'],
  *setup() {
    const vm = yield* smallVm({ form: 'modern' });
    vm.vcpu.program = assemble([
      { op: 'out', port: 1, size: 1, value: 1n },
      { op: 'out', port: 1, size: 1, value: 2n },
      { op: 'hlt' },
    ]);
    return vm;
  },
  threads: {
    *one({ vcpu }: SmallVm) {
      return yield* vcpuRun(vcpu);
    },
    *other({ vcpu }: SmallVm) {
      return yield* vcpuRun(vcpu);
    },
  },
  always: {
    'a run has the vCPU for itself': never('data race'),
  },
  sometimes: {
    'the second run goes on behind the instruction that the first one left': (_, { vcpu }) => vcpu.rip === 1,
  },
});
