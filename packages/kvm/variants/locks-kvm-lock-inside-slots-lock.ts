/** KVM_SET_USER_MEMORY_REGION takes kvm->lock inside slots_lock. */
import type { Task } from '@faultline/machine';
import { EINVAL, EIO } from '../src/errno.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { setMemoryRegion, type UserspaceMemoryRegion } from '../src/virt/memory-region.ts';

/** @replaces packages/kvm/src/virt/memory-region.ts#setUserMemoryRegion 152b33e3 */
export function* setUserMemoryRegion(kvm: Kvm, mem: UserspaceMemoryRegion, mm = kvm.mm): Task<number> {
  if (mm !== kvm.mm) return -EIO;
  if ((mem.slot & 0xffff) >= kvm.config.userMemSlots) return -EINVAL;
  yield* kvm.slotsLock.lock();
  yield* kvm.lock.lock();
  const result = yield* setMemoryRegion(kvm, mem);
  yield* kvm.lock.unlock();
  yield* kvm.slotsLock.unlock();
  return result;
}
