/** Seen on 6.1: a write that no vCPU's thread makes is not logged, so whoever moved such a write to a worker lost it. */
import type { Task } from '@faultline/machine';
import { EFAULT } from '../src/errno.ts';
import type { Gfn } from '../src/types.ts';
import { markPageDirtyInSlot, storeInFrame } from '../src/virt/dirty-log.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { hvaOf } from '../src/virt/memslots.ts';
import { vcpuGfnToMemslot } from '../src/virt/vcpu-memslots.ts';

/** @replaces packages/kvm/src/virt/dirty-log.ts#writeGuest d24aef36 */
export function* writeGuest(vcpu: Vcpu, gfn: Gfn, value: bigint): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const idx = yield* kvm.srcu.readLock();
  const slot = yield* vcpuGfnToMemslot(vcpu, gfn);
  const stored = slot !== null && (yield* storeInFrame(kvm, hvaOf(slot, gfn), value));
  if (slot !== null && stored) yield* markPageDirtyInSlot(null, slot, gfn);
  yield* kvm.srcu.readUnlock(idx);
  return stored ? 0 : -EFAULT;
}
