/**
 * @area dirty
 *
 * KVM_CAP_DIRTY_LOG_RING and KVM_RESET_DIRTY_RINGS.
 */
import type { Task } from '@faultline/machine';
import { E2BIG, EINVAL } from '../errno.ts';
import { flushRemoteTlbs } from '../x86/flush.ts';
import { getVcpu } from './create-vcpu.ts';
import { dirtyRingReset } from './dirty-ring.ts';
import {
  DirtyGfn,
  type DirtyRing,
  KVM_DIRTY_RING_MAX_ENTRIES,
  KVM_DIRTY_RING_RSVD_ENTRIES,
} from './dirty-ring-state.ts';
import { KVM_MAX_VCPUS, type Kvm } from './kvm.ts';

const PAGE_SIZE = 4096;

/** Bytes of each vCPU's ring; before the first vCPU, and once. Returns 0 or a negative errno. @kernel kvm_vm_ioctl_enable_dirty_log_ring virt/kvm/kvm_main.c */
export function* enableDirtyLogRing(kvm: Kvm, bytes: number): Task<number> {
  if (!Number.isSafeInteger(bytes) || bytes <= 0 || !Number.isInteger(Math.log2(bytes))) return -EINVAL;
  if (bytes < KVM_DIRTY_RING_RSVD_ENTRIES * DirtyGfn.size || bytes < PAGE_SIZE) return -EINVAL;
  if (bytes > KVM_DIRTY_RING_MAX_ENTRIES * DirtyGfn.size) return -E2BIG;
  // Against a vCPU that is being made: it gets its ring, or not, after it was counted.
  enable_ring_alone: yield* kvm.lock.lock();
  const refused = kvm.dirtyRingSize !== 0 || kvm.createdVcpus !== 0;
  if (!refused) kvm.dirtyRingSize = bytes / DirtyGfn.size;
  enable_ring_alone: yield* kvm.lock.unlock();
  return refused ? -EINVAL : 0;
}

/** How many entries were reset, or a negative errno. When it returns, the next write to each of their pages is logged. @kernel kvm_vm_ioctl_reset_dirty_pages virt/kvm/kvm_main.c */
export function* resetDirtyRings(kvm: Kvm): Task<number> {
  if (kvm.dirtyRingSize === 0) return -EINVAL;
  let cleared = 0;
  yield* kvm.slotsLock.lock();
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = yield* getVcpu(kvm, i);
    if (vcpu === null) break;
    cleared += yield* dirtyRingReset(kvm, vcpu.dirtyRing as DirtyRing);
  }
  yield* kvm.slotsLock.unlock();
  // Once, and after the lock: user space copies pages only when this has returned.
  flush_after_reset: if (cleared > 0) yield* flushRemoteTlbs(kvm);
  return cleared;
}
