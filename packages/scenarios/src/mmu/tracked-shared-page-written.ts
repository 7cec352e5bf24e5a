import { allocFrame, clearYoung, guestRead, guestWrite, mergePages } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { age, NO_AD } from '../vm/aging-vm.ts';
import { contentOfPage } from '../vm/frames.ts';
import { GPA0, GPA1, HVA0, HVA1, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

/**
 * Two pages share a frame, which is mapped read-only, and accesses to it are tracked. Whatever tracking takes away and
 * gives back, a write has to go to the host for a frame of its own: neither host-writable nor MMU-writable is set.
 */
export const trackedSharedPageWritten = scenario('mmu/tracked-shared-page-written', {
  title: 'access tracking gives back a right to write that was never there',
  source: 'restore_acc_track_spte, is_access_allowed',
  size: '1 vCPU, 1 read, 1 write, 1 aging, 2 pages that share a frame, tables of 1 level, no A/D bits',
  claims: [
    {
      seed: '000.21',
      says: 'A page that the host does not let be written is not host-writable, and the fast path leaves W alone',
      verdict: 'holds',
    },
  ],
  defends: ['mmu.fast_page_fault_cmpxchg'],
  *setup() {
    const vm = yield* mmuVm({ ...NO_AD, pages: 2, frames: 3 }, 2);
    yield* guestWrite(vm.vcpu, GPA0, 5n);
    yield* guestWrite(vm.vcpu, GPA1, 5n);
    yield* mergePages(vm.kvm, HVA1, HVA0);
    // Somebody else has the frame that became free: the copy gets one that this guest never had.
    yield* allocFrame(vm.mm);
    yield* guestRead(vm.vcpu, GPA0);
    yield* age(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestRead(vcpu, GPA0);
      yield* guestWrite(vcpu, GPA0, 7n);
    },
    *aging({ kvm }: MmuVm) {
      return yield* clearYoung(kvm, HVA0, HVA1);
    },
  },
  always: {
    'a write to one page changes that page and no other': (_, vm) =>
      contentOfPage(vm, 0) === 7n && contentOfPage(vm, 1) === 5n,
    'every entry keeps W inside MMU-writable inside host-writable': never('BUG'),
  },
  sometimes: {
    'aging finds the page used': ({ results }) => results.aging,
    'aging finds the page unused': ({ results }) => !results.aging,
  },
});
