import { clearDirtyLog, guestRead, guestWrite } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { clearDirtyBit } from '../vm/aging-vm.ts';
import { copiedOrLogged, type DirtyVm, dirtyVm, harvestAndCopy } from '../vm/dirty-vm.ts';
import { GPA0 } from '../vm/mmu-vm.ts';

/** Clears page 0, whatever the log said, and copies it. */
function* clearAndCopy(vm: DirtyVm): Task<bigint> {
  yield* clearDirtyLog(vm.kvm, { slot: 0, firstPage: 0, numPages: 1, bitmap: [1] });
  return yield* vm.mm.page.at(0).content.readOnce();
}

function* writeTwice({ vcpu }: DirtyVm): Task {
  yield* guestWrite(vcpu, GPA0, 7n);
  yield* guestWrite(vcpu, GPA0, 8n);
}

/**
 * With manual protection a harvest changes nothing; user space clears a page just before it copies it. What it clears is
 * armed again, bits first.
 */
export const writtenWhileCleared = scenario('dirty/written-while-cleared', {
  title: 'a page is written after it was cleared and copied, and no harvest says so',
  source: 'kvm_clear_dirty_log_protect',
  size: '1 vCPU, 2 writes, 1 KVM_CLEAR_DIRTY_LOG, 1 page, tables of 1 level',
  defends: ['dirty.clear_bits_andnot', 'dirty.rearm_cleared_pages', 'dirty.flush_after_clear'],
  *setup() {
    const vm = yield* dirtyVm({ dirtyLogManualProtect: true });
    yield* guestRead(vm.vcpu, GPA0);
    return vm;
  },
  threads: {
    *vcpu0(vm: DirtyVm) {
      yield* writeTwice(vm);
    },
    *migration(vm: DirtyVm) {
      yield* clearAndCopy(vm);
      return yield* clearAndCopy(vm);
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      copiedOrLogged(results.migration, vm),
  },
  sometimes: {
    'the copy has the first write only': ({ results }) => results.migration === 7n,
    'the copy has no write': ({ results }) => results.migration === 0n,
  },
});

/** The same by Dirty bits, with a log of the hardware. */
export const writtenWhileClearedPml = scenario('dirty/written-while-cleared-by-hardware-log', {
  title: 'a page is written after its Dirty bit was cleared and it was copied, and no harvest says so',
  source: 'kvm_clear_dirty_log_protect, clear_dirty_pt_masked',
  size: '1 vCPU, 2 writes, 1 KVM_CLEAR_DIRTY_LOG, 1 page, tables of 1 level, log of 2 entries',
  defends: ['dirty.rearm_cleared_pages', 'dirty.flush_after_clear'],
  *setup() {
    const vm = yield* dirtyVm({ dirtyLogManualProtect: true, mmu: { pml: 2 } });
    yield* guestRead(vm.vcpu, GPA0);
    clearDirtyBit(vm);
    return vm;
  },
  threads: {
    *vcpu0(vm: DirtyVm) {
      yield* writeTwice(vm);
    },
    *migration(vm: DirtyVm) {
      return yield* clearAndCopy(vm);
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      copiedOrLogged(results.migration, vm),
  },
  sometimes: {
    'the copy has the first write only': ({ results }) => results.migration === 7n,
    'the copy has no write': ({ results }) => results.migration === 0n,
  },
});

/** Under manual protection the harvest leaves the bits alone: user space may ask again, and finds what it has not cleared. */
export const bitsGoneBeforeCleared = scenario('dirty/bits-gone-before-cleared', {
  title: 'a harvest that only looks makes a page count as clean',
  source: 'KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2',
  size: '1 vCPU, 1 write, 2 harvests, 1 page, tables of 1 level',
  defends: ['mmu.log_before_install'],
  *setup() {
    return yield* dirtyVm({ dirtyLogManualProtect: true });
  },
  threads: {
    *vcpu0({ vcpu, progress }: DirtyVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      yield* progress.writes.storeRelease(1);
    },
    *migration(vm: DirtyVm) {
      const first = yield* harvestAndCopy(vm);
      const second = yield* harvestAndCopy(vm);
      return { first: first.dirty, second: second.dirty, before: second.before };
    },
  },
  always: {
    'a page stays in the log until it is cleared': ({ results: { migration } }) =>
      !migration.first || migration.second,
    'a write that ended before the harvest began is in it': ({ results: { migration } }) =>
      migration.before === 0 || migration.second,
  },
  sometimes: {
    'both harvests have the page': ({ results }) => results.migration.first,
    'neither has': ({ results }) => !results.migration.second,
  },
});
