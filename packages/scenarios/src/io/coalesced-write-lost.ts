import { type CoalescedRing, createVm, ioctlRegisterCoalescedMmio, type Kvm } from '@faultline/kvm';
import { never, scenario, smpRmb, type Task } from '@faultline/machine';
import { exitWrite } from './bus-vm.ts';

interface RingVm {
  readonly kvm: Kvm;
  readonly ring: CoalescedRing;
}

/**
 * virt/kvm/coalesced_mmio.c, coalesced_mmio_write() and coalesced_mmio_has_room().
 *
 * Two vCPUs append writes to the ring that user space drains beside them. Whatever the kernel accepted is read once, and
 * as it was written: the vCPUs take turns (ring_lock), an entry is filled before `last` moves over it (smp_wmb), and one
 * entry always stays free, because a ring whose last entry is used looks empty.
 */
export const coalescedWriteLost = scenario('io/coalesced-write-lost', {
  title: 'an accepted write is overwritten, read before it is filled, or taken for none',
  source: 'virt/kvm/coalesced_mmio.c coalesced_mmio_write()',
  size: '2 vCPUs with 1 and 2 writes, 1 drain, a ring of 3',
  defends: ['io.serialize_ring_writers', 'io.fill_entry_before_last', 'io.keep_one_entry_free'],
  *setup() {
    const kvm = yield* createVm({ coalescedMmioMax: 3 });
    yield* ioctlRegisterCoalescedMmio(kvm, { addr: 0x1000, size: 0x1000, pio: 0 });
    return { kvm, ring: kvm.coalescedMmioRing as CoalescedRing };
  },
  threads: {
    *vcpu0({ kvm }: RingVm) {
      return [yield* exitWrite(kvm, 0x1000, 1n), yield* exitWrite(kvm, 0x1000, 2n)];
    },
    *vcpu1({ kvm }: RingVm) {
      return [yield* exitWrite(kvm, 0x1008, 3n)];
    },
    *vmm({ ring }: RingVm) {
      return yield* drain(ring, 3);
    },
  },
  always: {
    'every accepted write is read once, or still in the ring': (
      { results: { vcpu0, vcpu1, vmm } },
      { ring },
    ) => {
      const accepted = [1, 2].filter((_, i) => vcpu0[i] === 0).concat(vcpu1[0] === 0 ? [3] : []);
      const found = [...vmm, ...inRing(ring, 3)];
      return found.sort().join() === accepted.join();
    },
    'no entry is filled by two vCPUs, nor read while it is filled': never('data race'),
  },
  sometimes: {
    'the ring is full, and the write goes to user space': ({ results: { vcpu0, vcpu1 } }) =>
      [...vcpu0, ...vcpu1].some((result) => result < 0),
    'user space reads two of them in one batch': ({ results: { vmm } }) => vmm.length === 2,
  },
});

/** What user space does at an exit: reads the entries up to `last`, giving each back. */
function* drain(ring: CoalescedRing, max: number): Task<number[]> {
  const values: number[] = [];
  let first = yield* ring.first.readOnce();
  const last = yield* ring.last.readOnce();
  // Pairs with the write barrier before the kernel moves `last`.
  yield* smpRmb();
  while (first !== last) {
    values.push(Number(ring.entries.at(first).data));
    first = (first + 1) % max;
    yield* ring.first.storeRelease(first);
  }
  return values;
}

function inRing(ring: CoalescedRing, max: number): number[] {
  const values: number[] = [];
  for (let i = ring.first.peek(); i !== ring.last.peek(); i = (i + 1) % max) {
    values.push(Number(ring.entries.at(i).data));
  }
  return values;
}
