import { createVcpu, gpa, PAGE_SIZE, type Vcpu } from '@faultline/kvm';
import { guestWrite } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { kept, takeAway } from '../vm/frames.ts';
import { GPA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

interface TwoVcpus extends MmuVm {
  readonly other: Vcpu;
}

/**
 * Two vCPUs fault under the same empty entry, both with mmu_lock held for read, and each brings a page table to link
 * there. One must lose. If both stored, the mappings below the first table would be out of the tree: in a TLB still, but
 * no zap would ever find them.
 */
export const pageTableLost = scenario('mmu/page-table-lost', {
  title: 'two vCPUs link a page table at the same place',
  source: 'tdp_mmu_link_sp',
  deep: true,
  size: '2 vCPUs, 1 write each, 1 page swapped out, 3 frames, tables of 2 levels',
  defends: ['mmu.set_spte_cmpxchg'],
  *setup() {
    const vm = yield* mmuVm({ pages: 2, frames: 3, levels: 2 }, 2);
    const other = (yield* createVcpu(vm.kvm, 1)) as Vcpu;
    return { ...vm, other };
  },
  threads: {
    *vcpu0({ vcpu }: TwoVcpus) {
      yield* guestWrite(vcpu, GPA0, 7n);
      yield* guestWrite(vcpu, GPA0, 8n);
    },
    *vcpu1(vm: TwoVcpus) {
      yield* guestWrite(vm.other, gpa(PAGE_SIZE), 9n);
      return yield* takeAway(vm);
    },
  },
  always: {
    'a frame that was given away keeps what its new owner wrote': ({ results: { vcpu1 } }, vm) =>
      kept(vcpu1, vm),
  },
  sometimes: {
    'the page is swapped out between the writes': (_, { mm }) => mm.swap.at(0).peek() === 7n,
  },
});
