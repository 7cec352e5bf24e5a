import { hva, PAGE_SIZE } from '@faultline/kvm';
import {
  guestWrite,
  invalidateRangeEnd,
  invalidateRangeStart,
  mmuUnload,
  rcuDoBatch,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { zapEverything } from '../vm/tables-vm.ts';

/**
 * A notifier that may block drops mmu_lock on the way through a root. Meanwhile everything is zapped, and the last
 * reference to that root is put. The notifier holds one of its own, so the root waits for it.
 */
export const rootFreedUnderANotifier = scenario('mmu/root-freed-under-a-notifier', {
  title: 'a root is freed while a notifier that has dropped mmu_lock stands in it',
  source: 'Linux 7533377215b6, for_each_tdp_mmu_root_yield_safe',
  size: '1 invalidation of 2 pages that may yield, 1 zap of everything, 1 vCPU that gives its root up, tables of 1 level',
  claims: [
    { seed: '000.15', says: 'tdp_mmu_pages_lock is taken inside mmu_lock', verdict: 'holds' },
    { seed: '000.16', says: 'tdp_mmu_pages_lock is never taken without mmu_lock', verdict: 'holds' },
  ],
  defends: ['mmu.get_root_cmpxchg'],
  *setup() {
    const vm = yield* mmuVm({ pages: 2, frames: 2, yields: true }, 2);
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* mmuUnload(vcpu);
    },
    *host({ kvm }: MmuVm) {
      yield* invalidateRangeStart(kvm, HVA0, hva(2 * PAGE_SIZE));
      yield* invalidateRangeEnd(kvm, HVA0, hva(2 * PAGE_SIZE));
    },
    *nx({ kvm }: MmuVm) {
      yield* zapEverything(kvm);
      yield* rcuDoBatch(kvm);
    },
  },
  always: {
    'a root that nobody uses is freed': (_, { kvm }) => kvm.tdpMmuRoots.at(0).peek() === null,
    'no page table is walked after it was freed': never('use after free'),
  },
  sometimes: {
    'the root is freed': (_, { kvm }) => kvm.roots.get(0) === null && kvm.rcuCallbacks === null,
    'somebody else is the last to hold the root': (_, { kvm }) => kvm.rcuCallbacks !== null,
  },
});
