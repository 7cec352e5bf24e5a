import { hva, PAGE_SIZE, pfn } from '@faultline/kvm';
import { guestWrite, invalidateRangeEnd, invalidateRangeStart, munmap, putPage } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { giveAway, kept } from '../vm/frames.ts';
import { GPA0, GPA1, HVA0, HVA1, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

const KEPT = 'a frame that was given away keeps what its new owner wrote';
const HVA2 = hva(2 * PAGE_SIZE);

/**
 * Two invalidations at once. The range that faults compare with is one for both, so the second has to widen it: a fault
 * on a page of the first still has to wait, although the second is about another page.
 */
export const secondHidesFirst = scenario('notifier/second-invalidation-hides-the-first', {
  title: 'a fault maps a frame that goes away, because another invalidation began after',
  source: 'kvm_mmu_invalidate_begin, mmu_invalidate_retry_hva',
  size: '1 vCPU, 1 write, 1 page unmapped, another invalidation within, tables of 1 level',
  defends: ['notifier.count_in_progress', 'mmu.retry_while_in_progress'],
  *setup() {
    return yield* mmuVm({ pages: 2, frames: 2 }, 2);
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      return (yield* guestWrite(vcpu, GPA1, 7n)).via;
    },
    *host(vm: MmuVm) {
      return yield* unmapPage1Around(vm);
    },
  },
  always: { [KEPT]: ({ results }, vm) => kept(results.host, vm) },
  sometimes: {
    'the page is unmapped before the write': ({ results }) => results.vcpu0 === 'MMIO',
    'the page is unmapped after the write': ({ results }) => results.vcpu0 === 'RAM',
  },
});

/** Page 1 is unmapped; meanwhile somebody invalidates page 0 and changes nothing. */
function* unmapPage1Around({ kvm, mm }: MmuVm): Task<number> {
  yield* invalidateRangeStart(kvm, HVA1, HVA2);
  yield* invalidateRangeStart(kvm, HVA0, HVA1);
  yield* mm.ptes.at(1).xchg(0n);
  yield* putPage(mm, pfn(1));
  const taken = yield* giveAway(mm);
  yield* invalidateRangeEnd(kvm, HVA1, HVA2);
  yield* invalidateRangeEnd(kvm, HVA0, HVA1);
  return taken;
}

/**
 * Two invalidations of the same page. The second finds nothing mapped and has nothing to flush, so the first must have
 * flushed before it let go of mmu_lock: what the tables no longer say, no TLB may say.
 */
export const flushLeftToAnother = scenario('notifier/flush-left-to-another', {
  title: 'an invalidation finds the entry gone, and returns while a TLB still has it',
  source: 'kvm_mmu_notifier_invalidate_range_start',
  deep: true,
  size: '1 vCPU, 1 write, 1 invalidation, 1 page unmapped, tables of 1 level',
  defends: ['notifier.flush_before_return'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 1 });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      return (yield* guestWrite(vcpu, GPA0, 7n)).via;
    },
    *mprotect({ kvm }: MmuVm) {
      yield* invalidateRangeStart(kvm, HVA0, HVA1);
      yield* invalidateRangeEnd(kvm, HVA0, HVA1);
    },
    *host(vm: MmuVm) {
      yield* munmap(vm.kvm, HVA0, HVA1);
      return yield* giveAway(vm.mm);
    },
  },
  always: { [KEPT]: ({ results }, vm) => kept(results.host, vm) },
  sometimes: {
    'the write comes first': ({ results }) => results.vcpu0 === 'RAM',
    'the guest finds nothing there': ({ results }) => results.vcpu0 === 'MMIO',
  },
});
