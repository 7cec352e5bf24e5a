import { createVcpu, type Memslot, type Vcpu } from '@faultline/kvm';
import { guestWrite, mmuLoad, rcuDoBatch, swapOut, tdpAccess } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { type DirtyVm, dirtyVm } from '../vm/dirty-vm.ts';
import { contentOfPage } from '../vm/frames.ts';
import { entryOfRange, HUGE, isHuge } from '../vm/huge-vm.ts';
import { GPA1, HVA1 } from '../vm/mmu-vm.ts';
import { faultOnce } from '../vm/tables-vm.ts';

interface TwoVcpus extends DirtyVm {
  readonly other: Vcpu;
}

/**
 * Logging has just been turned off, and its table of small pages still stands there. A fault puts a huge page in its place,
 * while the hardware of another vCPU, which remembers the table, walks it and writes through it. The table is taken apart,
 * then every vCPU flushed, and only then may it be freed.
 */
export const tableReplacedByAHugePage = scenario('mmu/table-replaced-under-a-vcpu', {
  title: 'a huge page takes the place of a table that another vCPU still walks',
  source: 'tdp_mmu_map_handle_target_level, handle_removed_pt',
  size: '2 vCPUs, 1 fault, 1 store instruction, 1 table of 2 pages replaced and freed, 1 page swapped out',
  defends: ['mmu.flush_replaced_table', 'mmu.report_dirty_to_host'],
  *setup() {
    const vm = yield* dirtyVm({ mmu: { ...HUGE, structureCache: true } });
    const other = (yield* createVcpu(vm.kvm, 1)) as Vcpu;
    yield* mmuLoad(other);
    yield* guestWrite(other, GPA1, 1n);
    vm.mm.swap.at(1).poke(1n);
    // As KVM_SET_USER_MEMORY_REGION leaves it before it zaps the tables: faults find a slot that does not log.
    const slot = vm.kvm.memslots.at(0).peek()?.gfnTree as Memslot;
    slot.flags = 0;
    slot.dirtyBitmap = null;
    other.tlb.entries.set(1, 0n);
    return { ...vm, other };
  },
  threads: {
    *vcpu0(vm: TwoVcpus) {
      yield* faultOnce(vm);
      const huge = isHuge(entryOfRange(vm));
      yield* rcuDoBatch(vm.kvm);
      yield* swapOut(vm.kvm, HVA1);
      return huge;
    },
    *vcpu1({ other }: TwoVcpus) {
      return 'value' in (yield* tdpAccess(other, GPA1, true, 7n));
    },
  },
  always: {
    'no page table is walked after it was freed': never('use after free'),
    'the page holds what the guest wrote': ({ results }, vm) =>
      contentOfPage(vm, 1) === (results.vcpu1 ? 7n : 1n),
  },
  sometimes: {
    'the fault maps a huge page': ({ results }) => results.vcpu0,
    'the guest writes first': ({ results }) => results.vcpu1,
    'the guest comes too late': ({ results }) => !results.vcpu1,
  },
});
