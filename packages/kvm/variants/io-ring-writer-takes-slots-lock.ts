/** Who writes to the ring makes sure under slots_lock that its zone is still there: inside ring_lock. */
import type { Task } from '@faultline/machine';
import { EOPNOTSUPP } from '../src/errno.ts';
import { appendToRing, zoneContains } from '../src/virt/coalesced-mmio.ts';
import type { CoalescedZone } from '../src/virt/coalesced-mmio-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/coalesced-mmio.ts#coalescedMmioWrite 0bd8718f */
export function* coalescedMmioWrite(
  kvm: Kvm,
  zone: CoalescedZone,
  addr: number,
  len: number,
  value: bigint,
): Task<number> {
  yield* kvm.ringLock.lock();
  yield* kvm.slotsLock.lock();
  const contains = zoneContains(zone, addr, len);
  yield* kvm.slotsLock.unlock();
  const result = contains ? yield* appendToRing(kvm, zone, addr, len, value) : -EOPNOTSUPP;
  yield* kvm.ringLock.unlock();
  return result;
}
