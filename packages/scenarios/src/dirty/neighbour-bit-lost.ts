import { createVcpu, gfn, type Vcpu } from '@faultline/kvm';
import { writeGuest } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { type DirtyVm, dirtyVm, inNextHarvest } from '../vm/dirty-vm.ts';

interface TwoWriters extends DirtyVm {
  readonly other: Vcpu;
}

/**
 * A word of the bitmap is for 32 pages, and vCPUs set its bits without a lock. Two that do so at once for two pages of one
 * word must not undo each other: that is what the atomic operation is for.
 */
export const neighbourBitLost = scenario('dirty/neighbour-bit-lost', {
  title: 'two vCPUs write two pages, and the log has one of them',
  source: 'mark_page_dirty_in_slot, set_bit_le',
  size: '2 vCPUs, 2 pages, 1 write by KVM each',
  defends: ['dirty.set_dirty_bit'],
  *setup() {
    const vm = yield* dirtyVm({ mmu: { pages: 2, frames: 2 } });
    return { ...vm, other: (yield* createVcpu(vm.kvm, 1)) as Vcpu };
  },
  threads: {
    *vcpu0({ vcpu }: TwoWriters) {
      return yield* writeGuest(vcpu, gfn(0), 7n);
    },
    *vcpu1({ other }: TwoWriters) {
      return yield* writeGuest(other, gfn(1), 8n);
    },
  },
  always: {
    'a page that was written is in the next harvest': (_, vm) => inNextHarvest(vm, 0) && inNextHarvest(vm, 1),
  },
  sometimes: {
    'both are written': ({ results }) => results.vcpu0 === 0 && results.vcpu1 === 0,
  },
});
