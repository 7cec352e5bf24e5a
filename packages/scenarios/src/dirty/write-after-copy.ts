import { createVcpu, type Vcpu } from '@faultline/kvm';
import { getDirtyLog, guestRead, guestWrite, mmuLoad } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { copiedOrLogged, type DirtyVm, dirtyVm, harvestAndCopy } from '../vm/dirty-vm.ts';
import { GPA0, protectForLogging } from '../vm/mmu-vm.ts';

/**
 * The bits are taken before the pages are protected, in one step each, and TLBs are flushed before user space has its
 * answer. So a write that the copy misses finds its page protected, and sets its bit after it was taken.
 */
export const writeAfterCopy = scenario('dirty/write-after-copy', {
  title: 'a page is written after it was copied, and no harvest says so',
  source: 'kvm_get_dirty_log_protect',
  size: '1 vCPU, 2 writes, 1 harvest, 1 page, tables of 1 level',
  defends: [
    'dirty.take_bits_xchg',
    'dirty.flush_before_user_space',
    'dirty.protect_logged_pages',
    'mmu.mark_dirty_after_cmpxchg',
  ],
  *setup() {
    const vm = yield* dirtyVm();
    yield* guestRead(vm.vcpu, GPA0);
    yield* getDirtyLog(vm.kvm, 0);
    protectForLogging(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu, progress }: DirtyVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      yield* progress.writes.storeRelease(1);
      yield* guestWrite(vcpu, GPA0, 8n);
    },
    *migration(vm: DirtyVm) {
      return yield* harvestAndCopy(vm);
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      copiedOrLogged(results.migration.copied, vm),
    'a write that ended before the harvest began is in it': ({ results }) =>
      results.migration.before === 0 || results.migration.dirty,
  },
  sometimes: {
    'the copy has the first write only': ({ results }) => results.migration.copied === 7n,
    'the copy has both writes': ({ results }) => results.migration.copied === 8n,
    'the harvest is empty': ({ results }) => !results.migration.dirty,
  },
});

interface TwoWriters extends DirtyVm {
  readonly other: Vcpu;
}

/** The same with two vCPUs that fix the same entry without a lock, while the harvest protects it. */
export const secondWriter = scenario('dirty/second-writer-after-copy', {
  title: 'of two vCPUs that write a page, one is not logged',
  source: 'dirty_log_test, kvm_page_table_test',
  size: '2 vCPUs, 1 write each, 1 harvest, 1 page, tables of 1 level',
  deep: true,
  defends: ['dirty.take_bits_xchg', 'dirty.flush_before_user_space', 'dirty.protect_logged_pages'],
  *setup() {
    const vm = yield* dirtyVm();
    yield* guestRead(vm.vcpu, GPA0);
    yield* getDirtyLog(vm.kvm, 0);
    protectForLogging(vm);
    const other = (yield* createVcpu(vm.kvm, 1)) as Vcpu;
    yield* mmuLoad(other);
    return { ...vm, other };
  },
  threads: {
    *vcpu0({ vcpu }: TwoWriters) {
      yield* guestWrite(vcpu, GPA0, 7n);
    },
    *vcpu1({ other }: TwoWriters) {
      yield* guestWrite(other, GPA0, 8n);
    },
    *migration(vm: TwoWriters) {
      return yield* harvestAndCopy(vm);
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      copiedOrLogged(results.migration.copied, vm),
  },
  sometimes: {
    'the harvest falls between the writes': ({ results }, { mm }) =>
      results.migration.dirty && results.migration.copied !== mm.page.at(0).content.peek(),
    'the harvest is empty': ({ results }) => !results.migration.dirty,
  },
});
