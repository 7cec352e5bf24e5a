import { createVcpu, KVM_MEM_LOG_DIRTY_PAGES, setUserMemoryRegion, type Vcpu } from '@faultline/kvm';
import { getDirtyLog, guestWrite, mmuLoad, swapOut } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { copiedOrLogged, type DirtyVm, dirtyVm } from '../vm/dirty-vm.ts';
import { contentOfPage0 } from '../vm/frames.ts';
import { entryOfRange, HUGE, isHuge } from '../vm/huge-vm.ts';
import { GPA0, GPA1, HVA0 } from '../vm/mmu-vm.ts';
import { region } from '../vm/small-vm.ts';
import { cleanLeaf, storeOnce } from '../vm/tables-vm.ts';

const LOGGED = region(0, HUGE.pages, { flags: KVM_MEM_LOG_DIRTY_PAGES });
const HARVESTED = 'a page that differs from its copy is in the next harvest';

/** The guest has written page 1 through a huge page, which is in its TLB. */
function* writtenHuge(eagerPageSplit: boolean): Task<DirtyVm> {
  const vm = yield* dirtyVm({ flags: 0, mmu: { ...HUGE, eagerPageSplit } });
  yield* guestWrite(vm.vcpu, GPA1, 1n);
  return vm;
}

/** A migration begins: logging on, then everything is copied, here page 1. */
function* startAndCopy({ kvm, mm }: DirtyVm): Task<bigint> {
  yield* setUserMemoryRegion(kvm, LOGGED);
  return yield* mm.page.at(1).content.readOnce();
}

/**
 * Logging is turned on while a huge page is mapped: it is protected as a whole, and stays huge until it is written. Then
 * the fault splits it, and makes one small page writable.
 */
export const hugePageAtStart = scenario('dirty/huge-page-missed-when-logging-starts', {
  title: 'logging is on, a page of a huge page is copied, and a write to it is not logged',
  source: 'kvm_mmu_slot_apply_flags, tdp_mmu_split_huge_page',
  size: '1 vCPU, 2 writes, logging turned on once, 1 huge page of 2 pages, split on fault',
  defends: ['dirty.protect_when_logging_starts', 'dirty.flush_when_logging_starts'],
  *setup() {
    return yield* writtenHuge(false);
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      yield* guestWrite(vcpu, GPA1, 7n);
      yield* guestWrite(vcpu, GPA1, 8n);
    },
    *migration(vm: DirtyVm) {
      return yield* startAndCopy(vm);
    },
  },
  always: {
    [HARVESTED]: ({ results }, vm) => copiedOrLogged(results.migration, vm, 1),
  },
  sometimes: {
    'the copy is older than the writes': ({ results }) => results.migration === 1n,
    'the copy has the first write only, and the huge page is split': ({ results }, vm) =>
      results.migration === 7n && !isHuge(entryOfRange(vm)),
    'the copy has both writes, and the huge page stays': ({ results }, vm) =>
      results.migration === 8n && isHuge(entryOfRange(vm)),
  },
});

/** The same where huge pages are split when logging starts, beside vCPUs, so that these need not do it when they write. */
export const splitPageAtStart = scenario('dirty/split-page-missed-when-logging-starts', {
  title: 'a huge page is split when logging starts, its pages are copied, and a write to one is not logged',
  source: 'kvm_mmu_slot_try_split_huge_pages',
  size: '1 vCPU, 2 writes, logging turned on once, 1 huge page of 2 pages, split eagerly',
  defends: [
    'dirty.split_when_logging_starts',
    'dirty.protect_when_logging_starts',
    'dirty.flush_when_logging_starts',
  ],
  *setup() {
    return yield* writtenHuge(true);
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      yield* guestWrite(vcpu, GPA1, 7n);
      yield* guestWrite(vcpu, GPA1, 8n);
    },
    *migration(vm: DirtyVm) {
      return yield* startAndCopy(vm);
    },
  },
  always: {
    [HARVESTED]: ({ results }, vm) => copiedOrLogged(results.migration, vm, 1),
    'no huge page is left': (_, vm) => !isHuge(entryOfRange(vm)),
  },
  sometimes: {
    'the copy is older than the writes': ({ results }) => results.migration === 1n,
    'the copy has the first write only': ({ results }) => results.migration === 7n,
    'the copy has both writes': ({ results }) => results.migration === 8n,
  },
});

/** Both pages of the huge page are written beside a harvest, after which page 1 is copied. */
const BOTH_WRITTEN = {
  *vcpu0({ vcpu }: DirtyVm): Task<void> {
    yield* guestWrite(vcpu, GPA0, 7n);
    yield* guestWrite(vcpu, GPA1, 8n);
  },
  *migration({ kvm, mm }: DirtyVm): Task<bigint> {
    yield* getDirtyLog(kvm, 0);
    return yield* mm.page.at(1).content.readOnce();
  },
};

/**
 * A write to a huge page that is protected for logging. The fast path may not fix it: it would log the page that was
 * written, and let the guest write all the others. Nor may the slow path map a huge page there.
 */
export const neighbourNotLogged = scenario('dirty/neighbour-in-huge-page-not-logged', {
  title: 'a write to one page makes its whole huge page writable, and a write to another page is not logged',
  source: 'fast_page_fault ("Do not fix write-permission on the large spte"), kvm_mmu_hugepage_adjust',
  size: '1 vCPU, 1 write to each of 2 pages of a huge page, 1 harvest',
  defends: ['mmu.refuse_huge_while_logging', 'mmu.small_pages_while_logging'],
  *setup() {
    const vm = yield* writtenHuge(false);
    yield* setUserMemoryRegion(vm.kvm, LOGGED);
    return vm;
  },
  threads: BOTH_WRITTEN,
  always: {
    [HARVESTED]: ({ results }, vm) => copiedOrLogged(results.migration, vm, 1),
  },
  sometimes: {
    'the copy is older than the write': ({ results }) => results.migration === 1n,
    'the copy has the write': ({ results }) => results.migration === 8n,
  },
});

interface TwoWriters extends DirtyVm {
  readonly other: Vcpu;
}

/** Two vCPUs write different pages of a protected huge page: both split it, one of them wins. */
export const bothSplit = scenario('dirty/one-of-two-that-split-not-logged', {
  title: 'two vCPUs split the same huge page, and the write of one is not logged',
  source: 'tdp_mmu_split_huge_page',
  size: '2 vCPUs, 1 write each to one of 2 pages of a huge page, 1 harvest',
  deep: true,
  defends: ['mmu.refuse_huge_while_logging'],
  *setup() {
    const vm = yield* writtenHuge(false);
    yield* setUserMemoryRegion(vm.kvm, LOGGED);
    const other = (yield* createVcpu(vm.kvm, 1)) as Vcpu;
    yield* mmuLoad(other);
    return { ...vm, other };
  },
  threads: {
    *vcpu0({ vcpu }: TwoWriters) {
      yield* guestWrite(vcpu, GPA0, 7n);
    },
    *vcpu1({ other }: TwoWriters) {
      yield* guestWrite(other, GPA1, 8n);
    },
    *migration({ kvm, mm }: TwoWriters) {
      yield* getDirtyLog(kvm, 0);
      const first = yield* mm.page.at(0).content.readOnce();
      return { first, second: yield* mm.page.at(1).content.readOnce() };
    },
  },
  always: {
    [HARVESTED]: ({ results: { migration } }, vm) =>
      copiedOrLogged(migration.first, vm, 0) && copiedOrLogged(migration.second, vm, 1),
  },
  sometimes: {
    'neither write is in the copy': ({ results: { migration } }) =>
      migration.first !== 7n && migration.second !== 8n,
    'both are': ({ results: { migration } }) => migration.first === 7n && migration.second === 8n,
  },
});

/**
 * The same with a page-modification log. Small pages are logged by their Dirty bits, but a huge page has only one, and the
 * hardware notes only the page that set it: so huge pages are protected all the same.
 */
export const neighbourMissedByHardware = scenario('dirty/neighbour-missed-by-hardware-log', {
  title: 'the hardware notes one page of a huge page, and a write to another page is not logged',
  source: 'kvm_mmu_slot_apply_flags, kvm_mmu_slot_remove_write_access',
  size: '1 vCPU, 1 write to each of 2 pages of a huge page, 1 harvest, log of 2 entries',
  defends: ['mmu.refuse_huge_while_logging'],
  *setup() {
    const vm = yield* dirtyVm({ flags: 0, mmu: { ...HUGE, pml: 2 } });
    yield* guestWrite(vm.vcpu, GPA1, 1n);
    yield* setUserMemoryRegion(vm.kvm, LOGGED);
    return vm;
  },
  threads: BOTH_WRITTEN,
  always: {
    [HARVESTED]: ({ results }, vm) => copiedOrLogged(results.migration, vm, 1),
  },
  sometimes: {
    'the copy is older than the write': ({ results }) => results.migration === 1n,
    'the copy has the write': ({ results }) => results.migration === 8n,
  },
});

/**
 * A huge page is split while the hardware notes in it that it was written. The small pages inherit the Dirty bit: nobody
 * flushes, so a TLB that has it will not set it again, and the host would drop the page as clean.
 */
export const splitPageForgotten = scenario('dirty/page-of-split-page-forgotten', {
  title: 'a page of a huge page that was split is dropped as clean, although the guest wrote it',
  source: 'make_huge_page_split_spte, tdp_mmu_split_huge_page',
  size: '1 vCPU, 1 store instruction, 1 huge page of 2 pages split, then 1 page swapped out, A/D bits',
  defends: ['mmu.set_spte_cmpxchg'],
  *setup() {
    const vm = yield* dirtyVm({ flags: 0, mmu: { ...HUGE, eagerPageSplit: true } });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    // Swap has it already: it would not be written again without a reason.
    vm.mm.swap.at(0).poke(1n);
    yield* cleanLeaf(vm, 'dirty');
    return vm;
  },
  threads: {
    *vcpu0(vm: DirtyVm) {
      return yield* storeOnce(vm, 7n);
    },
    *user({ kvm }: DirtyVm) {
      yield* setUserMemoryRegion(kvm, LOGGED);
      yield* swapOut(kvm, HVA0);
    },
  },
  always: {
    'the page holds what the guest wrote': ({ results }, vm) =>
      contentOfPage0(vm) === (results.vcpu0 ? 7n : 1n),
  },
  sometimes: {
    'the guest writes first': ({ results }) => results.vcpu0,
    'the guest comes too late': ({ results }) => !results.vcpu0,
  },
});
