import { guestWrite, rcuDoBatch } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { GPA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { cleanLeaf, zapEverything } from '../vm/tables-vm.ts';

/**
 * The fast path walks the tables without mmu_lock. Whoever zaps a root takes its tables apart meanwhile. They are freed by
 * RCU: not before the walker, who is inside a read section, has left.
 */
export const tableFreedUnderAWalker = scenario('mmu/table-freed-under-a-walker', {
  title: 'a page table is freed while the fast path walks it',
  source: 'walk_shadow_page_lockless_begin, tdp_mmu_free_sp_rcu_callback',
  size: '1 vCPU, 1 write by the fast path, 1 zap of everything, 1 page, tables of 2 levels',
  defends: ['mmu.wait_for_walkers', 'mmu.retry_obsolete_root'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 1, levels: 2 });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    yield* cleanLeaf(vm, 'both');
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      return (yield* guestWrite(vcpu, GPA0, 7n)).via;
    },
    *nx({ kvm }: MmuVm) {
      yield* zapEverything(kvm);
      yield* rcuDoBatch(kvm);
    },
  },
  always: {
    'no page table is walked after it was freed': never('use after free'),
    'no SPTE is installed under an invalid root': never('WARN'),
  },
  sometimes: {
    'the old tables are freed': (_, { kvm }) => kvm.rcuCallbacks === null,
  },
});
