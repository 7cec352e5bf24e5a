/** A VM that goes takes its slots_lock first, so that no parameter changes it meanwhile, and kvm_lock inside. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { type KvmModule, VmLink } from '../src/virt/vm-list.ts';

/** @replaces packages/kvm/src/virt/vm-list.ts#vmListRemove 792a9992 */
export function* vmListRemove(host: KvmModule, kvm: Kvm): Task {
  yield* kvm.slotsLock.lock();
  yield* host.kvmLock.lock();
  let entry = host.vmList;
  if (entry?.kvm === kvm) host.vmList = entry.next;
  else {
    for (let e = entry; e !== null; e = e.next) {
      if (e.next?.kvm !== kvm) continue;
      entry = e.next;
      e.next = entry.next;
      break;
    }
  }
  yield* host.kvmLock.unlock();
  yield* kvm.slotsLock.unlock();
  if (entry !== null) VmLink.free(entry);
}
