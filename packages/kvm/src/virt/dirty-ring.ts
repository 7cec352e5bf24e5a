/**
 * @area dirty
 *
 * Dirty logging by rings: each vCPU writes the pages that it dirties into a ring that user space maps. An entry goes from
 * free to dirty (the kernel publishes it) to reset (user space has copied it), and back to free when user space asks for
 * that; then its page is armed again.
 */
import { at, smpWmb, type Task, warnOn } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import { rearmGfn } from '../x86/tdp-clear-dirty.ts';
import { type DirtyRing, entryOf, KVM_DIRTY_GFN_F_DIRTY, KVM_DIRTY_GFN_F_RESET } from './dirty-ring-state.ts';
import type { Kvm, Vcpu } from './kvm.ts';
import type { Memslot, Memslots } from './memslots.ts';
import { idToMemslot } from './memslots-search.ts';
import { kvmMmuLock, kvmMmuUnlock } from './mmu-lock.ts';

/** On the vCPU's own thread. There is room: a vCPU whose ring is nearly full does not enter its guest. @kernel kvm_dirty_ring_push virt/kvm/dirty_ring.c */
export function* dirtyRingPush(ring: DirtyRing, slot: number, offset: number): Task {
  const index = yield* ring.dirtyIndex.readOnce();
  warnOn((index - ring.resetIndex.peek()) >>> 0 >= ring.size, 'a dirty ring has no entry left');
  const entry = entryOf(ring, index);
  entry.slot = slot;
  entry.offset = offset;
  // Pairs with the acquire of whoever reads the flags: a dirty entry is whole.
  order_entry_before_flags: yield* smpWmb();
  yield* entry.flags.writeOnce(KVM_DIRTY_GFN_F_DIRTY);
  yield* ring.dirtyIndex.writeOnce((index + 1) >>> 0);
}

/** Before the guest is entered: it must not go on before user space has made room. @kernel kvm_dirty_ring_soft_full virt/kvm/dirty_ring.c */
export function* dirtyRingSoftFull({ dirtyRing: ring }: Vcpu): Task<boolean> {
  if (ring === null) return false;
  const dirty = yield* ring.dirtyIndex.readOnce();
  // The stores of the next push depend on what was read here; the kernel leaves it to that, and x86 keeps the order.
  const reset = yield* ring.resetIndex.loadAcquire(at('dirty.read_reset_index'));
  return (dirty - reset) >>> 0 >= ring.softLimit;
}

/**
 * Under slots_lock: takes back the entries that user space is done with, and arms their pages, neighbours together. TLBs
 * are the caller's to flush. Returns how many entries.
 *
 * @kernel kvm_dirty_ring_reset virt/kvm/dirty_ring.c
 */
export function* dirtyRingReset(kvm: Kvm, ring: DirtyRing): Task<number> {
  let batch: Batch | null = null;
  for (let count = 0; ; count++) {
    const index = yield* ring.resetIndex.readOnce();
    const entry = entryOf(ring, index);
    const flags = yield* entry.flags.loadAcquire(at('dirty.load_reset_flag'));
    if ((flags & KVM_DIRTY_GFN_F_RESET) === 0) {
      if (batch !== null) yield* resetDirtyGfn(kvm, batch);
      return count;
    }
    const { slot, offset } = entry;
    yield* entry.flags.storeRelease(0, at('dirty.release_entry'));
    yield* ring.resetIndex.storeRelease((index + 1) >>> 0, at('dirty.publish_reset_index'));
    if (batch !== null && joins(batch, slot, offset)) continue;
    if (batch !== null) yield* resetDirtyGfn(kvm, batch);
    batch = { slot, offset, mask: 1n };
  }
}

/** Pages of one slot that are armed together: bit i is the page `offset` + i. */
interface Batch {
  readonly slot: number;
  offset: number;
  mask: bigint;
}

const BITS_PER_LONG = 64;

/** Whether the page is near enough; it is in the batch then. Rings name pages upwards or downwards, as guests write them. */
function joins(batch: Batch, slot: number, offset: number): boolean {
  if (slot !== batch.slot) return false;
  const delta = offset - batch.offset;
  if (delta >= 0 && delta < BITS_PER_LONG) {
    batch.mask |= 1n << BigInt(delta);
    return true;
  }
  const down = BigInt(-delta);
  if (delta <= -BITS_PER_LONG || delta > 0 || BigInt.asUintN(64, batch.mask << down) >> down !== batch.mask) {
    return false;
  }
  batch.offset = offset;
  batch.mask = (batch.mask << down) | 1n;
  return true;
}

/** User space may have written anything into its ring: what names no page is passed over. @kernel kvm_reset_dirty_gfn virt/kvm/dirty_ring.c */
export function* resetDirtyGfn(kvm: Kvm, { slot: number, offset, mask }: Batch): Task {
  const asId = number >>> 16;
  const id = number & 0xffff;
  if (asId >= kvm.config.addressSpaces || id >= kvm.config.userMemSlots) return;
  const slot = idToMemslot((yield* kvm.memslots.at(asId).rcuDereference()) as Memslots, id);
  if (slot === null || offset + mask.toString(2).length > slot.npages) return;
  yield* kvmMmuLock(kvm);
  rearm_reset_pages: yield* rearmAll(kvm, slot, offset, mask);
  yield* kvmMmuUnlock(kvm);
}

function* rearmAll(kvm: Kvm, slot: Memslot, offset: number, mask: bigint): Task {
  for (let page = 0; mask >> BigInt(page) !== 0n; page++) {
    if (((mask >> BigInt(page)) & 1n) !== 0n) yield* rearmGfn(kvm, (slot.baseGfn + offset + page) as Gfn);
  }
}
