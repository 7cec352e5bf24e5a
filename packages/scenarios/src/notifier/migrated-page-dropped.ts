import { pfn } from '@faultline/kvm';
import { guestRead, guestWrite, migratePage, swapOut } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

/**
 * A page that the guest has written moves to another frame and is then swapped out. "Dirty" belongs to the content, not
 * to the frame: left behind, the page counts as clean at its new place and is dropped. Found by `stress`, in one round of
 * nine hundred, before this scenario existed.
 */
export const migratedPageDropped = scenario('notifier/migrated-page-dropped', {
  title: 'a dirty page is migrated, and dropped as clean at its new place',
  source: 'migrate_pages, found by mmu/moving-memory',
  deep: true,
  size: '1 vCPU, 1 read, 1 page migrated and swapped out, 2 frames, tables of 1 level',
  defends: ['notifier.keep_dirty_flag'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 2 });
    yield* guestWrite(vm.vcpu, GPA0, 7n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      return (yield* guestRead(vcpu, GPA0)).value;
    },
    *host({ kvm }: MmuVm) {
      yield* migratePage(kvm, HVA0, pfn(1));
      return yield* swapOut(kvm, HVA0);
    },
  },
  always: {
    'the guest reads what it wrote': ({ results }) => results.vcpu0 === 7n,
    'what is swapped out is what was written': ({ results }, { mm }) =>
      results.host === null || mm.swap.at(0).peek() === 7n,
  },
  sometimes: {
    'the page is read at its new place': ({ results }) => results.vcpu0 === 7n && results.host === 1,
  },
});
