import { type CoalescedRing, createVm, ioctlRegisterCoalescedMmio, type Kvm } from '@faultline/kvm';
import { coalescedMmioFree, coalescedMmioInit } from '@faultline/kvm/seams';
import {
  array,
  type Cell,
  cell64,
  type Elements,
  type StructType,
  scenario,
  struct,
  type View,
} from '@faultline/machine';
import { exitWrite } from './bus-vm.ts';

/** The page after the ring: somebody else's. */
interface NextPage extends View {
  readonly words: Elements<Cell<bigint>>;
}

const WORDS = 16;
const NextPage: StructType<NextPage> = struct(
  'next_page',
  { words: array(cell64, WORDS) },
  { as: 'next_page' },
);

interface RingVm {
  readonly kvm: Kvm;
  readonly ring: CoalescedRing;
  readonly nextPage: NextPage;
}

/**
 * virt/kvm/coalesced_mmio.c, coalesced_mmio_write().
 *
 * The ring is a page that user space maps, and user space may write nonsense over the kernel's own index while a vCPU
 * uses it. The kernel reads the index once, and refuses one that is out of the ring; were it read again for use, it
 * could have changed since the check.
 */
export const ringOverrun = scenario('io/ring-overrun', {
  title: 'user space corrupts the index of the ring between its check and its use',
  source: 'virt/kvm/coalesced_mmio.c coalesced_mmio_write()',
  size: '1 vCPU with 2 writes, a ring of 3',
  defends: ['io.distrust_last'],
  *setup() {
    const kvm = yield* createVm({ coalescedMmioMax: 3 });
    yield* ioctlRegisterCoalescedMmio(kvm, { addr: 0x1000, size: 0x1000, pio: 0 });
    coalescedMmioFree(kvm);
    coalescedMmioInit(kvm, 3);
    const nextPage = NextPage.alloc();
    return { kvm, ring: kvm.coalescedMmioRing as CoalescedRing, nextPage };
  },
  threads: {
    *vcpu0({ kvm }: RingVm) {
      return [yield* exitWrite(kvm, 0x1000, 1n), yield* exitWrite(kvm, 0x1000, 2n)];
    },
    *vmm({ ring }: RingVm) {
      yield* ring.last.writeOnce(4);
    },
  },
  always: {
    'the kernel writes inside the ring': (_, { nextPage }) => {
      for (let i = 0; i < WORDS; i++) if (nextPage.words.at(i).peek() !== 0n) return false;
      return true;
    },
  },
  sometimes: {
    'nonsense is refused': ({ results: { vcpu0 } }) => vcpu0.some((result) => result < 0),
    'both writes come first': ({ results: { vcpu0 } }) => vcpu0.every((result) => result === 0),
  },
});
