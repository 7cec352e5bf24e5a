import { type ArmVm, createArmVm, kvmGetKvm, kvmPutKvm } from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';

/** Somebody who has a reference takes another one for a while, and then is done with the VM. */
function* useAndLeave({ kvm }: ArmVm): Task {
  yield* kvmGetKvm(kvm);
  yield* kvmPutKvm(kvm);
  yield* kvmPutKvm(kvm);
}

/** Files of a VM and ioctls under way in it keep it by counting, without a lock. The last one to leave, and only he, ends it. */
export const vmReferenceLost = scenario('lifetime/vm-reference-lost', {
  title: 'a VM is freed under somebody who has a reference, or never',
  source: 'kvm_get_kvm, kvm_put_kvm',
  size: '2 users, each of whom takes 1 more reference and puts 2',
  defends: ['lifetime.get_vm', 'lifetime.put_vm'],
  *setup() {
    const vm = createArmVm({ levels: 2, vcpus: 1 });
    yield* kvmGetKvm(vm.kvm);
    return vm;
  },
  threads: {
    *one(vm: ArmVm) {
      yield* useAndLeave(vm);
    },
    *other(vm: ArmVm) {
      yield* useAndLeave(vm);
    },
  },
  always: {
    'nothing is used that was freed': never('use after free'),
    'the VM lets go of the address space': (_, { mm }) => mm.mmCount.peek() === 1,
  },
  sometimes: {
    'both have left': ({ results }) => Object.keys(results).length === 2,
  },
});
