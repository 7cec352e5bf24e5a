import { gfn } from '@faultline/kvm';
import {
  guestWrite,
  rcuDoBatch,
  recoverNxHugePages,
  swapOut,
  zapCollapsibleSptes,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { contentOfPage0 } from '../vm/frames.ts';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { cleanLeaf, storeOnce } from '../vm/tables-vm.ts';

function* mappedClean(): Task<MmuVm> {
  const vm = yield* mmuVm({ pages: 1, frames: 2, levels: 2 });
  yield* guestWrite(vm.vcpu, GPA0, 1n);
  // What swap holds is what the frame holds: it would not be written again without a reason.
  vm.mm.swap.at(0).poke(1n);
  yield* cleanLeaf(vm, 'dirty');
  return vm;
}

/**
 * A page table is cut off and taken apart while the hardware walks through it: it may set Dirty in an entry of that table
 * after it was cut off. The entry is exchanged, and what it held then is what the host is told.
 */
export const tableRemovedUnderAVcpu = scenario('mmu/table-removed-under-a-vcpu', {
  title: 'the Dirty bit that the CPU sets in a table just cut off is lost (mmu_lock held for read)',
  source: 'tdp_mmu_zap_spte_atomic, handle_removed_pt',
  size: '1 vCPU, 1 store instruction, 1 table removed, its page swapped out, tables of 2 levels, A/D bits',
  defends: ['mmu.freeze_child_xchg', 'mmu.flush_before_release'],
  setup: mappedClean,
  threads: {
    *vcpu0(vm: MmuVm) {
      return yield* storeOnce(vm, 7n);
    },
    *user({ kvm }: MmuVm) {
      yield* zapCollapsibleSptes(kvm, 0, gfn(0), gfn(2));
      yield* rcuDoBatch(kvm);
      yield* swapOut(kvm, HVA0);
    },
  },
  always: {
    'the page holds what the guest wrote': ({ results }, vm) =>
      contentOfPage0(vm) === (results.vcpu0 ? 7n : 1n),
    'no page table is walked after it was freed': never('use after free'),
  },
  sometimes: {
    'the guest writes first': ({ results }) => results.vcpu0,
    'the guest comes too late': ({ results }) => !results.vcpu0,
  },
});

/** The same with mmu_lock held for write, where only what is volatile is exchanged, and one flush comes at the end. */
export const tableRecoveredUnderAVcpu = scenario('mmu/table-recovered-under-a-vcpu', {
  title: 'the Dirty bit that the CPU sets in a table just cut off is lost (mmu_lock held for write)',
  source: 'kvm_recover_nx_huge_pages, handle_removed_pt',
  size: '1 vCPU, 1 store instruction, 1 table removed, its page swapped out, tables of 2 levels, A/D bits',
  defends: ['mmu.freeze_volatile_child_xchg', 'mmu.flush_before_tables_go'],
  setup: mappedClean,
  threads: {
    *vcpu0(vm: MmuVm) {
      return yield* storeOnce(vm, 7n);
    },
    *worker({ kvm }: MmuVm) {
      yield* recoverNxHugePages(kvm);
      yield* rcuDoBatch(kvm);
      yield* swapOut(kvm, HVA0);
    },
  },
  always: {
    'the page holds what the guest wrote': ({ results }, vm) =>
      contentOfPage0(vm) === (results.vcpu0 ? 7n : 1n),
    'no page table is walked after it was freed': never('use after free'),
  },
  sometimes: {
    'the guest writes first': ({ results }) => results.vcpu0,
    'the guest comes too late': ({ results }) => !results.vcpu0,
  },
});
