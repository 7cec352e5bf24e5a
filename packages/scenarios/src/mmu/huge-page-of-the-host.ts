import { guestWrite } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { contentOfPage, kept, takeAway } from '../vm/frames.ts';
import { HUGE } from '../vm/huge-vm.ts';
import { GPA1, HVA1, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { cleanLeaf, faultOnce, storeOnce } from '../vm/tables-vm.ts';

/**
 * The host splits a huge page of its own to take one page of it away. It announces the split for the whole range, and what
 * it does to the page for that page; each time KVM has to zap the huge leaf, which may begin before what is announced.
 */
export const hugeLeafOutlivesItsPage = scenario('mmu/huge-leaf-outlives-its-page', {
  title: 'the host takes one page of a huge page away, and the guest still has it',
  source: '__split_huge_pmd, kvm_unmap_gfn_range, tdp_mmu_zap_leafs',
  size: '1 vCPU, 1 store instruction, 1 of 2 pages of a huge page swapped out, tables of 2 levels, A/D bits',
  defends: [
    'notifier.flush_before_return',
    'mmu.write_spte_xchg',
    'mmu.report_dirty_to_host',
    'mmu.start_at_first_frame',
  ],
  *setup() {
    const vm = yield* mmuVm(HUGE, 2);
    yield* guestWrite(vm.vcpu, GPA1, 1n);
    // Swap has it already: it would not be written again without a reason.
    vm.mm.swap.at(1).poke(1n);
    yield* cleanLeaf(vm, 'dirty');
    return vm;
  },
  threads: {
    *vcpu0(vm: MmuVm) {
      return yield* storeOnce(vm, 7n, GPA1);
    },
    *host(vm: MmuVm) {
      return yield* takeAway(vm, HVA1);
    },
  },
  always: {
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.host, vm),
    'the page holds what the guest wrote': ({ results }, vm) =>
      contentOfPage(vm, 1) === (results.vcpu0 ? 7n : 1n),
  },
  sometimes: {
    'the guest writes first': ({ results }) => results.vcpu0,
    'the guest comes too late': ({ results }) => !results.vcpu0,
  },
});

/**
 * A fault on one page finds that the host has it in a huge page, and maps all of that, while the host takes another page
 * of it away. The host is asked under mmu_lock, after the sequence was compared: to split its huge page it has to announce
 * the whole of it, for which it needs mmu_lock.
 */
export const hugePageMappedTooLate = scenario('mmu/split-page-mapped-as-huge', {
  title: 'a fault maps a huge page that the host has split, with a page that the guest no longer has',
  source: 'kvm_mmu_hugepage_adjust, host_pfn_mapping_level, __split_huge_pmd',
  size: '1 vCPU, 1 fault, 1 store instruction, 1 of 2 pages of a huge page swapped out, tables of 2 levels',
  defends: ['notifier.announce_split', 'mmu.retry_while_in_progress'],
  *setup() {
    return yield* mmuVm(HUGE, 2);
  },
  threads: {
    *vcpu0(vm: MmuVm) {
      yield* faultOnce(vm);
      return yield* storeOnce(vm, 7n, GPA1);
    },
    *host(vm: MmuVm) {
      return yield* takeAway(vm, HVA1);
    },
  },
  always: {
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.host, vm),
    'the page holds what the guest wrote': ({ results }, vm) =>
      contentOfPage(vm, 1) === (results.vcpu0 ? 7n : 0n),
  },
  sometimes: {
    'the huge page is mapped first': ({ results }) => results.vcpu0,
    'the page is gone before': ({ results }) => !results.vcpu0,
  },
});
