/**
 * @area io
 *
 * Coalesced MMIO, the device: writes to a zone go to a ring that user space reads at its next exit, whatever that is for.
 * One side of the ring is KVM's, the other is a page of user space, which may write anything there at any time.
 */
import { smpWmb, type Task } from '@faultline/machine';
import { EOPNOTSUPP } from '../errno.ts';
import {
  CoalescedEntry,
  CoalescedRing,
  CoalescedZone,
  KVM_COALESCED_MMIO_MAX,
} from './coalesced-mmio-state.ts';
import type { Kvm } from './kvm.ts';

/** Gives the VM its ring, of `max` entries. @kernel kvm_coalesced_mmio_init virt/kvm/coalesced_mmio.c */
export function coalescedMmioInit(kvm: Kvm, max: number = KVM_COALESCED_MMIO_MAX): void {
  kvm.config.coalescedMmioMax = max;
  kvm.coalescedMmioRing = CoalescedRing.alloc(max * CoalescedEntry.size);
}

/** At the end of the VM. @kernel kvm_coalesced_mmio_free virt/kvm/coalesced_mmio.c */
export function coalescedMmioFree(kvm: Kvm): void {
  if (kvm.coalescedMmioRing !== null) CoalescedRing.free(kvm.coalescedMmioRing);
  kvm.coalescedMmioRing = null;
}

/**
 * Appends a write to the ring; -EOPNOTSUPP sends it to user space the ordinary way, which makes user space empty the
 * ring first.
 *
 * @kernel coalesced_mmio_write virt/kvm/coalesced_mmio.c
 */
export function* coalescedMmioWrite(
  kvm: Kvm,
  zone: CoalescedZone,
  addr: number,
  len: number,
  value: bigint,
): Task<number> {
  if (!zoneContains(zone, addr, len)) return -EOPNOTSUPP;
  // vCPUs share the ring: the entry and the move of `last` belong together.
  serialize_ring_writers: yield* kvm.ringLock.lock();
  const result = yield* appendToRing(kvm, zone, addr, len, value);
  serialize_ring_writers: yield* kvm.ringLock.unlock();
  return result;
}

/** Under ring_lock. */
export function* appendToRing(
  kvm: Kvm,
  zone: CoalescedZone,
  addr: number,
  len: number,
  value: bigint,
): Task<number> {
  const ring = kvm.coalescedMmioRing as CoalescedRing;
  const max = kvm.config.coalescedMmioMax;
  // Once: user space can change it between a check and a use.
  const insert = yield* ring.last.readOnce();
  distrust_last: if (insert >= max) return -EOPNOTSUPP;
  const next = (insert + 1) % max;
  // Pairs with user space's release of an entry that it has read. (The kernel leans on the control dependency instead.)
  const first = yield* ring.first.loadAcquire();
  keep_one_entry_free: if (next === first) return -EOPNOTSUPP;

  const entry = ring.entries.at(insert);
  entry.physAddr = addr;
  entry.len = len;
  entry.data = value;
  entry.pio = zone.pio;
  // Pairs with user space's read barrier between `last` and the entries before it.
  fill_entry_before_last: yield* smpWmb();
  yield* ring.last.writeOnce(next);
  return 0;
}

/** Frees a zone. Under slots_lock, and off the bus. @kernel coalesced_mmio_destructor virt/kvm/coalesced_mmio.c */
export function coalescedMmioDestructor(kvm: Kvm, zone: CoalescedZone): void {
  if (kvm.coalescedZones === zone) kvm.coalescedZones = zone.next;
  else for (let z = kvm.coalescedZones; z !== null; z = z.next) if (z.next === zone) z.next = zone.next;
  CoalescedZone.free(zone);
}

/** @kernel coalesced_mmio_in_range virt/kvm/coalesced_mmio.c */
export function zoneContains(zone: CoalescedZone, addr: number, len: number): boolean {
  return addr >= zone.base && addr + len <= zone.base + zone.size;
}
