import { guestWrite, swapOut } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { contentOfPage } from '../vm/frames.ts';
import { readPage } from '../vm/host-pages.ts';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

/**
 * Guest and VMM both need a page that is swapped out. One brings it in at a time: who read an old copy from swap, while the
 * other brought the page in, wrote it, and lost it to swap again, must not put that copy in place.
 */
export const swappedInTwice = scenario('notifier/swapped-in-twice', {
  title: 'a page comes back from swap as it was before the last write',
  source: 'do_swap_page, folio_lock',
  size: '1 vCPU, 1 write, 1 reader of the VMM, 1 page swapped out again, 3 frames, tables of 1 level',
  defends: ['notifier.lock_page_to_swap_in'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 3 });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    yield* swapOut(vm.kvm, HVA0);
    return vm;
  },
  threads: {
    *vcpu0({ kvm, vcpu }: MmuVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      yield* swapOut(kvm, HVA0);
    },
    *vmm({ kvm }: MmuVm) {
      return yield* readPage(kvm, 0);
    },
  },
  always: {
    'the page holds what the guest wrote': (_, vm) => contentOfPage(vm, 0) === 7n,
  },
  sometimes: {
    'the VMM finds the page from before': ({ results }) => results.vmm === 1n,
    'the VMM finds the write': ({ results }) => results.vmm === 7n,
  },
});
