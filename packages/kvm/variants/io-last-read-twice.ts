/** The index of the ring is read again for its use after it was checked. */
import { smpWmb, type Task } from '@faultline/machine';
import { EOPNOTSUPP } from '../src/errno.ts';
import type { CoalescedRing, CoalescedZone } from '../src/virt/coalesced-mmio-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/coalesced-mmio.ts#appendToRing ed0fad33 */
export function* appendToRing(
  kvm: Kvm,
  zone: CoalescedZone,
  addr: number,
  len: number,
  value: bigint,
): Task<number> {
  const ring = kvm.coalescedMmioRing as CoalescedRing;
  const max = kvm.config.coalescedMmioMax;
  const checked = yield* ring.last.readOnce();
  if (checked >= max) return -EOPNOTSUPP;
  const first = yield* ring.first.loadAcquire();
  if ((checked + 1) % max === first) return -EOPNOTSUPP;

  const insert = yield* ring.last.readOnce();
  const entry = ring.entries.at(insert);
  entry.physAddr = addr;
  entry.len = len;
  entry.data = value;
  entry.pio = zone.pio;
  yield* smpWmb();
  yield* ring.last.writeOnce((insert + 1) % max);
  return 0;
}
