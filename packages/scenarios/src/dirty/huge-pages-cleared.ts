import { gpa, KVM_MEM_LOG_DIRTY_PAGES, PAGE_SIZE, setUserMemoryRegion } from '@faultline/kvm';
import { clearDirtyLog, guestWrite } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { copiedOrLogged, type DirtyVm, dirtyVm } from '../vm/dirty-vm.ts';
import { HUGE } from '../vm/huge-vm.ts';
import { region } from '../vm/small-vm.ts';

/** Pages 0 and 1 are one huge page, 2 and 3 another. */
const PAGES = 4;
const GPA2 = gpa(2 * PAGE_SIZE);
const GPA3 = gpa(3 * PAGE_SIZE);
const HARVESTED = 'a page that differs from its copy is in the next harvest';

/** Logging has started with every page dirty, and the guest has written page 2, through a huge page that is still writable. */
function* initiallySet(eagerPageSplit: boolean): Task<DirtyVm> {
  const mmu = { ...HUGE, pages: PAGES, frames: PAGES, eagerPageSplit };
  const vm = yield* dirtyVm({ flags: 0, dirtyLogManualProtect: true, dirtyLogInitiallySet: true, mmu });
  yield* guestWrite(vm.vcpu, GPA2, 1n);
  yield* setUserMemoryRegion(vm.kvm, region(0, PAGES, { flags: KVM_MEM_LOG_DIRTY_PAGES }));
  return vm;
}

/** Clears pages 1 and 2, the last of one huge page and the first of the next, and copies page 2. */
function* clearAndCopy({ kvm, mm }: DirtyVm): Task<bigint> {
  yield* clearDirtyLog(kvm, { slot: 0, firstPage: 0, numPages: PAGES, bitmap: [0b0110] });
  return yield* mm.page.at(2).content.readOnce();
}

/**
 * Initially-set protects nothing when logging starts: a huge page is protected when a page of it is cleared, for good, so
 * that the fast path does not fix it. The pages of one word of the bitmap may lie in more than one huge page.
 */
export const secondHugePage = scenario('dirty/second-huge-page-written', {
  title: 'pages of two huge pages are cleared together, and a write to the second is not logged',
  source: 'KVM_DIRTY_LOG_INITIALLY_SET, kvm_arch_mmu_enable_log_dirty_pt_masked',
  size: '1 vCPU, 2 writes, 1 KVM_CLEAR_DIRTY_LOG of 2 pages in 2 huge pages of 2 pages, split on fault',
  defends: ['dirty.protect_huge_pages', 'dirty.flush_after_clear', 'mmu.refuse_huge_while_logging'],
  *setup() {
    return yield* initiallySet(false);
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      yield* guestWrite(vcpu, GPA3, 6n);
      yield* guestWrite(vcpu, GPA2, 7n);
    },
    *migration(vm: DirtyVm) {
      return yield* clearAndCopy(vm);
    },
  },
  always: {
    [HARVESTED]: ({ results }, vm) => copiedOrLogged(results.migration, vm, 2),
  },
  sometimes: {
    'the copy is older than the write': ({ results }) => results.migration === 1n,
    'the copy has the write': ({ results }) => results.migration === 7n,
  },
});

/** The same where huge pages are split when they are cleared, under mmu_lock held for write: then small pages are armed. */
export const secondSplitPage = scenario('dirty/second-huge-page-split-and-written', {
  title: 'huge pages are split when their pages are cleared, and a write to one is not logged',
  source: 'KVM_DIRTY_LOG_INITIALLY_SET, kvm_mmu_try_split_huge_pages',
  size: '1 vCPU, 1 write, 1 KVM_CLEAR_DIRTY_LOG of 2 pages in 2 huge pages of 2 pages, split when cleared',
  defends: ['dirty.rearm_cleared_pages', 'dirty.flush_after_clear'],
  *setup() {
    return yield* initiallySet(true);
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      yield* guestWrite(vcpu, GPA2, 7n);
    },
    *migration(vm: DirtyVm) {
      return yield* clearAndCopy(vm);
    },
  },
  always: {
    [HARVESTED]: ({ results }, vm) => copiedOrLogged(results.migration, vm, 2),
  },
  sometimes: {
    'the copy is older than the write': ({ results }) => results.migration === 1n,
    'the copy has the write': ({ results }) => results.migration === 7n,
  },
});
