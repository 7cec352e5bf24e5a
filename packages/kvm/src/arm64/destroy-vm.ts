/**
 * @area lifetime
 *
 * The end of a VM, with its last reference: files of it and of its vCPUs, and ioctls under way in them.
 */
import { at, type Task } from '@faultline/machine';
import { mmuNotifierUnregister } from '../host/mmu-notifier-list.ts';
import { mmdrop, mmput } from '../host/user-mm.ts';
import { ArmKvm, ArmSlots, ArmVcpu, type UserMm } from './state.ts';

/** @kernel kvm_get_kvm virt/kvm/kvm_main.c */
export function* kvmGetKvm(kvm: ArmKvm): Task {
  yield* kvm.usersCount.fetchAdd(1, at('lifetime.get_vm'));
}

/** @kernel kvm_put_kvm virt/kvm/kvm_main.c */
export function* kvmPutKvm(kvm: ArmKvm): Task {
  if ((yield* kvm.usersCount.fetchAdd(-1 >>> 0, at('lifetime.put_vm'))) === 1) yield* destroyVm(kvm);
}

/** @kernel kvm_destroy_vm virt/kvm/kvm_main.c */
function* destroyVm(kvm: ArmKvm): Task {
  const mm = kvm.mm as UserMm;
  unregister_notifier: yield* mmuNotifierUnregister(mm, kvm);
  // The end of an invalidation may have found the notifier gone.
  reset_dangling_count: yield* kvm.mnActiveInvalidateCount.writeOnce(0);
  yield* removePrivateSlots(kvm);
  const holdsUsers = kvm.holdsUsers === 1;
  for (let i = 0; i < kvm.vcpuCount; i++) ArmVcpu.free(kvm.vcpus.get(i) as ArmVcpu);
  ArmSlots.free((yield* kvm.slots.readOnce()) as ArmSlots);
  ArmKvm.free(kvm);
  if (holdsUsers) yield* mmput(mm);
  // The structure was kept by this alone, if its process has ended.
  yield* mmdrop(mm);
}

/** Where KVM has slots of its own: they change as others do, when no invalidation is under way. @kernel kvm_swap_active_memslots virt/kvm/kvm_main.c */
export function* removePrivateSlots(kvm: ArmKvm): Task {
  yield* kvm.mnActiveInvalidateCount.awaitEqual(0);
}
