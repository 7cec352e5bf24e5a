/** A vCPU changes a private slot without leaving its read section. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { setMemoryRegion, type UserspaceMemoryRegion } from '../src/virt/memory-region.ts';

/** @replaces packages/kvm/src/x86/private-memslot.ts#vcpuSetPrivateMemslot 47b69e95 */
export function* vcpuSetPrivateMemslot(vcpu: Vcpu, mem: UserspaceMemoryRegion, idx: number): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  yield* kvm.slotsLock.lock();
  yield* setMemoryRegion(kvm, mem);
  yield* kvm.slotsLock.unlock();
  return idx;
}
