import { gpa, hva, PAGE_SIZE } from '@faultline/kvm';
import { guestWrite, mprotectReadOnly, munmap } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { giveAway, kept } from '../vm/frames.ts';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

/**
 * User space unmaps guest memory that the guest is writing to, two pages at once; the walk through the tables may be
 * interrupted between them. It goes on with the entry that it was about to look at.
 */
export const unmappedPageWritten = scenario('mmu/unmapped-page-written', {
  title: 'munmap leaves the guest a page that it has freed',
  source: 'mmu_stress_test, tdp_mmu_zap_leafs',
  size: '1 vCPU, 1 write, 2 pages unmapped by a walk that may yield, 2 frames, tables of 1 level',
  defends: ['mmu.restart_after_yield', 'notifier.flush_before_return'],
  *setup() {
    const vm = yield* mmuVm({ pages: 2, frames: 2, yields: true }, 2);
    yield* guestWrite(vm.vcpu, gpa(PAGE_SIZE), 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      return (yield* guestWrite(vcpu, gpa(PAGE_SIZE), 7n)).via;
    },
    *user({ kvm, mm }: MmuVm) {
      yield* munmap(kvm, HVA0, hva(2 * PAGE_SIZE));
      const first = yield* giveAway(mm);
      return { first, second: yield* giveAway(mm) };
    },
  },
  always: {
    'frames that were unmapped keep what their new owners wrote': ({ results: { user } }, vm) =>
      kept(user.first, vm) && kept(user.second, vm),
  },
  sometimes: {
    'the guest writes first': ({ results }) => results.vcpu0 === 'RAM',
    'the guest finds nothing behind its memory': ({ results }) => results.vcpu0 !== 'RAM',
  },
});

/** User space takes the right to write away, and from then on counts on the page to stay as it is. */
export const readOnlyPageWritten = scenario('mmu/read-only-page-written', {
  title: 'the guest writes to a page after mprotect has made it read-only',
  source: 'mmu_stress_test, mprotect(2)',
  size: '1 vCPU, 1 write, 1 page made read-only, tables of 1 level',
  defends: ['notifier.flush_before_return', 'mmu.retry_after_invalidation'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 1 });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      return (yield* guestWrite(vcpu, GPA0, 7n)).via;
    },
    *user({ kvm, mm }: MmuVm) {
      yield* mprotectReadOnly(kvm, HVA0, hva(PAGE_SIZE));
      return yield* mm.page.at(0).content.readOnce();
    },
  },
  always: {
    'a page that was made read-only stays as it is': ({ results }, { mm }) =>
      mm.page.at(0).content.peek() === results.user,
  },
  sometimes: {
    'the guest writes first': ({ results }) => results.user === 7n,
    'the guest is refused': ({ results }) => results.vcpu0 !== 'RAM',
  },
});
