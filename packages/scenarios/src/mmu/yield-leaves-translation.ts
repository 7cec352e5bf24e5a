import { hva, PAGE_SIZE } from '@faultline/kvm';
import { guestWrite, invalidateRangeEnd, invalidateRangeStart } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { contentOfPage0, kept, takeAway } from '../vm/frames.ts';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { storeOnce } from '../vm/tables-vm.ts';

/**
 * A notifier for two pages zaps the first and drops mmu_lock before it comes to the second. Another one, for the first
 * page alone, finds nothing mapped there, so has nothing to flush, and the host frees the frame. It is right only because
 * the first notifier has flushed before it dropped the lock.
 */
export const yieldLeavesTranslation = scenario('mmu/yield-leaves-translation', {
  title:
    'a notifier drops mmu_lock with zapped but unflushed entries, and another believes that all is clean',
  source: 'Linux a835429cda91, tdp_mmu_iter_cond_resched',
  size: '1 vCPU, 1 write, 2 overlapping invalidations, one may yield, 2 pages, 3 frames, tables of 1 level',
  defends: ['mmu.flush_before_yield'],
  *setup() {
    const vm = yield* mmuVm({ pages: 2, frames: 3, yields: true }, 2);
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0(vm: MmuVm) {
      return yield* storeOnce(vm, 7n);
    },
    *compaction({ kvm }: MmuVm) {
      yield* invalidateRangeStart(kvm, HVA0, hva(2 * PAGE_SIZE));
      yield* invalidateRangeEnd(kvm, HVA0, hva(2 * PAGE_SIZE));
    },
    *reclaim(vm: MmuVm) {
      return yield* takeAway(vm);
    },
  },
  always: {
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) =>
      kept(results.reclaim, vm),
    'the page holds what the guest wrote': ({ results }, vm) =>
      contentOfPage0(vm) === (results.vcpu0 ? 7n : 1n),
  },
  sometimes: {
    'the page is taken away after the guest wrote': (_, { mm }) => mm.swap.at(0).peek() === 7n,
    'the page is taken away before': (_, { mm }) => mm.swap.at(0).peek() === 1n,
  },
});
