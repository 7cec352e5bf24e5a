/** A vCPU looks its slots up under slots_lock, inside the section of its exit. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import type { Memslots } from '../src/virt/memslots.ts';

/** @replaces packages/kvm/src/virt/vcpu-memslots.ts#vcpuMemslots ffa0823f */
export function* vcpuMemslots(vcpu: Vcpu): Task<Memslots> {
  const kvm = vcpu.kvm as Kvm;
  yield* kvm.slotsLock.lock();
  const slots = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  yield* kvm.slotsLock.unlock();
  return slots;
}
