import { createVcpu, setUserMemoryRegion, type Vcpu } from '@faultline/kvm';
import { guestRead, guestWrite, mmuLoad, swapOut } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { type DirtyVm, dirtyVm } from '../vm/dirty-vm.ts';
import { contentOfPage0 } from '../vm/frames.ts';
import { entryOfRange, HUGE, isHuge } from '../vm/huge-vm.ts';
import { GPA0, GPA1, HVA0 } from '../vm/mmu-vm.ts';
import { region } from '../vm/small-vm.ts';
import { cleanLeaf, storeOnce } from '../vm/tables-vm.ts';

const NOT_LOGGED = region(0, HUGE.pages);

interface TwoVcpus extends DirtyVm {
  readonly other: Vcpu;
}

/**
 * Logging is turned off. Where the host has a huge page, the table of small pages goes, beside a vCPU that uses it, and the
 * next fault maps the huge page again.
 */
export const hugePageBack = scenario('dirty/small-pages-stay-when-logging-stops', {
  title: 'after logging was turned off memory stays in small pages',
  source: 'kvm_mmu_slot_apply_flags, kvm_tdp_mmu_zap_collapsible_sptes',
  size: '2 vCPUs, 1 store instruction, 1 read, logging turned off once, 1 huge page of 2 pages',
  defends: ['dirty.recover_huge_pages', 'mmu.start_at_first_frame'],
  *setup() {
    const vm = yield* dirtyVm({ mmu: HUGE });
    const other = (yield* createVcpu(vm.kvm, 1)) as Vcpu;
    yield* mmuLoad(other);
    for (const address of [GPA0, GPA1]) yield* guestWrite(vm.vcpu, address, 1n);
    return { ...vm, other };
  },
  threads: {
    *vcpu0(vm: TwoVcpus) {
      return yield* storeOnce(vm, 7n);
    },
    *user({ kvm, other }: TwoVcpus) {
      yield* setUserMemoryRegion(kvm, NOT_LOGGED);
      return (yield* guestRead(other, GPA1)).value;
    },
  },
  always: {
    'the huge page is back at the next fault': (_, vm) => isHuge(entryOfRange(vm)),
    'the guest reads what it wrote': ({ results }) => results.user === 1n,
  },
  sometimes: {
    'the guest writes, through a small page or a huge one': ({ results }) => results.vcpu0,
    'the guest finds neither': ({ results }) => !results.vcpu0,
  },
});

/** What the hardware notes in the small pages while their table goes is told to the host. */
export const writeLostAtStop = scenario('dirty/write-lost-when-logging-stops', {
  title: 'a write through a small page is lost when its table goes because logging was turned off',
  source: 'kvm_tdp_mmu_zap_collapsible_sptes, tdp_mmu_zap_spte_atomic',
  size: '1 vCPU, 1 store instruction, logging turned off once, then 1 of 2 pages swapped out, A/D bits',
  defends: ['mmu.flush_before_release', 'mmu.freeze_child_xchg'],
  *setup() {
    const vm = yield* dirtyVm({ mmu: HUGE });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    // Swap has it already: it would not be written again without a reason.
    vm.mm.swap.at(0).poke(1n);
    yield* cleanLeaf(vm, 'dirty');
    return vm;
  },
  threads: {
    *vcpu0(vm: DirtyVm) {
      return yield* storeOnce(vm, 7n);
    },
    *user(vm: DirtyVm) {
      yield* setUserMemoryRegion(vm.kvm, NOT_LOGGED);
      yield* swapOut(vm.kvm, HVA0);
    },
  },
  always: {
    'the page holds what the guest wrote': ({ results }, vm) =>
      contentOfPage0(vm) === (results.vcpu0 ? 7n : 1n),
  },
  sometimes: {
    'the guest writes first': ({ results }) => results.vcpu0,
    'the guest comes too late': ({ results }) => !results.vcpu0,
  },
});
