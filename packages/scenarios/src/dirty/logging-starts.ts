import { KVM_MEM_LOG_DIRTY_PAGES, setUserMemoryRegion } from '@faultline/kvm';
import { clearDirtyLog, clearYoung, getDirtyLog, guestWrite } from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { NO_AD } from '../vm/aging-vm.ts';
import { copiedOrLogged, type DirtyVm, dirtyVm } from '../vm/dirty-vm.ts';
import { GPA0, HVA0, HVA1 } from '../vm/mmu-vm.ts';
import { region } from '../vm/small-vm.ts';

const LOGGED = region(0, 1, { flags: KVM_MEM_LOG_DIRTY_PAGES });

/** A migration begins: logging on, then everything is copied. */
function* startAndCopy({ kvm, mm }: DirtyVm): Task<bigint> {
  yield* setUserMemoryRegion(kvm, LOGGED);
  return yield* mm.page.at(0).content.readOnce();
}

/**
 * Logging is turned on under a running guest: first every fault knows, then what is mapped already is protected, then TLBs
 * are flushed. From the ioctl's return on each write is logged.
 */
export const writeMissedAtStart = scenario('dirty/write-missed-when-logging-starts', {
  title: 'logging is on, the page is copied, and a write to it is not logged',
  source: 'kvm_mmu_slot_apply_flags',
  size: '1 vCPU, 2 writes, logging turned on once, 1 page, tables of 1 level',
  defends: ['dirty.protect_when_logging_starts', 'dirty.flush_when_logging_starts'],
  *setup() {
    return yield* dirtyVm({ flags: 0 });
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      yield* guestWrite(vcpu, GPA0, 8n);
    },
    *migration(vm: DirtyVm) {
      return yield* startAndCopy(vm);
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      copiedOrLogged(results.migration, vm),
  },
  sometimes: {
    'the copy has no write': ({ results }) => results.migration === 0n,
    'the copy has the first write only': ({ results }) => results.migration === 7n,
    'the copy has both writes': ({ results }) => results.migration === 8n,
  },
});

/** The flush does not ask whether anything was protected: aging has taken W from the entry, and left it in the TLB. */
export const agedPageAtStart = scenario('dirty/aged-page-missed-when-logging-starts', {
  title: 'a page that was aged is written through a TLB after logging was turned on',
  source: 'kvm_mmu_slot_apply_flags',
  size: '1 vCPU, 1 write, logging turned on once, 1 page, tables of 1 level, no A/D bits',
  defends: ['dirty.flush_when_logging_starts'],
  *setup() {
    const vm = yield* dirtyVm({ flags: 0, mmu: { ...NO_AD, frames: 1 } });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    yield* clearYoung(vm.kvm, HVA0, HVA1);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
    },
    *migration(vm: DirtyVm) {
      return yield* startAndCopy(vm);
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      copiedOrLogged(results.migration, vm),
  },
  sometimes: {
    'the copy is older than the write': ({ results }) => results.migration === 1n,
    'the copy has the write': ({ results }) => results.migration === 7n,
  },
});

/**
 * Initially-set: turning logging on costs nothing, because every page counts as dirty. A page is armed when user space
 * clears it, which it does before it copies it.
 */
export const initiallySetPageLost = scenario('dirty/initially-set-page-lost', {
  title: 'a page that nobody wrote after logging started is never copied',
  source: 'KVM_DIRTY_LOG_INITIALLY_SET',
  size: '1 vCPU, 1 write, logging turned on once, 1 harvest cleared, 1 page, tables of 1 level',
  defends: ['dirty.rearm_cleared_pages', 'dirty.flush_after_clear'],
  *setup() {
    const vm = yield* dirtyVm({ flags: 0, dirtyLogManualProtect: true, dirtyLogInitiallySet: true });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
    },
    *migration({ kvm, mm }: DirtyVm) {
      yield* setUserMemoryRegion(kvm, LOGGED);
      const log = yield* getDirtyLog(kvm, 0);
      const dirty = Array.isArray(log) && log[0] === 1;
      if (!dirty) return { dirty, copied: 0n };
      yield* clearDirtyLog(kvm, { slot: 0, firstPage: 0, numPages: 1, bitmap: [1] });
      return { dirty, copied: yield* mm.page.at(0).content.readOnce() };
    },
  },
  always: {
    'the first harvest names every page': ({ results }) => results.migration.dirty,
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      copiedOrLogged(results.migration.copied, vm),
  },
  sometimes: {
    'the copy is older than the write': ({ results }) => results.migration.copied === 1n,
    'the copy has the write': ({ results }) => results.migration.copied === 7n,
  },
});

/** Logging is turned off while a fault may be about to set a bit. */
export const loggingStops = scenario('dirty/logging-stops-under-a-writer', {
  title: 'a fault logs its page in a bitmap that was freed',
  source: 'kvm_mmu_slot_apply_flags, kvm_commit_memory_region',
  size: '1 vCPU, 1 write, logging turned off once, tables of 2 levels',
  deep: true,
  defends: ['memslots.wait_for_readers'],
  *setup() {
    return yield* dirtyVm({ mmu: { levels: 2 } });
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      return (yield* guestWrite(vcpu, GPA0, 7n)).via;
    },
    *ioctl({ kvm }: DirtyVm) {
      return yield* setUserMemoryRegion(kvm, region(0, 1));
    },
  },
  always: {
    'no bit is set in a freed bitmap': never('use after free'),
  },
  sometimes: {
    'the write lands, and the ioctl succeeds': ({ results }) =>
      results.vcpu0 === 'RAM' && results.ioctl === 0,
    'the table is thrown away': (_, { kvm }) => kvm.roots.get(0)?.spt.at(0).peek() === 0n,
    'the page stays mapped': (_, { kvm }) => kvm.roots.get(0)?.spt.at(0).peek() !== 0n,
  },
});
