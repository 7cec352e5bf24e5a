import { gfn } from '@faultline/kvm';
import { fastPageFault, getDirtyLog, guestWrite, writeProtectForTracking } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { type DirtyVm, dirtyVm } from '../vm/dirty-vm.ts';
import { GPA0, protectForLogging } from '../vm/mmu-vm.ts';
import { storeOnce } from '../vm/tables-vm.ts';

/** A store of the guest; if it faults, the fast path may fix the entry, and then it is done once more. */
function* storeByFastPath(vm: DirtyVm, value: bigint): Task<boolean> {
  if (yield* storeOnce(vm, value)) return true;
  const { kvm, vcpu } = vm;
  const idx = yield* kvm.srcu.readLock();
  const slot = kvm.memslots.at(0).peek()?.gfnTree ?? null;
  if (slot !== null) {
    yield* fastPageFault(vcpu, { gpa: GPA0, write: true, spte: 0n, slots: null, waitFor: [] }, slot);
  }
  yield* kvm.srcu.readUnlock(idx);
  return yield* storeOnce(vm, value);
}

/** Protects the page for good, and looks at it. */
function* protectAndRead({ kvm, mm }: DirtyVm): Task<bigint> {
  yield* writeProtectForTracking(kvm, gfn(0));
  return yield* mm.page.at(0).content.readOnce();
}

/**
 * Protection for a tracked page takes W and MMU-writable, so that the fast path cannot bring W back, and flushes whenever
 * MMU-writable was there: W may be missing because logging took it, and come back before the entry is exchanged.
 */
export const trackedPageWritten = scenario('dirty/tracked-page-written', {
  title: 'a page whose writes are tracked is written after it was protected',
  source: 'Documentation/virt/kvm/locking.rst, write_protect_gfn, 7c8a4742c4ab',
  size: '1 vCPU, 2 writes, 1 protection, 1 page, tables of 1 level',
  defends: ['dirty.flush_tracked_page'],
  *setup() {
    const vm = yield* dirtyVm();
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    yield* getDirtyLog(vm.kvm, 0);
    protectForLogging(vm);
    return vm;
  },
  threads: {
    *vcpu0(vm: DirtyVm) {
      const first = yield* storeByFastPath(vm, 7n);
      return { first, second: yield* storeByFastPath(vm, 8n) };
    },
    *tracker(vm: DirtyVm) {
      return yield* protectAndRead(vm);
    },
  },
  always: {
    'nobody writes the page once it is protected': ({ results }, { mm }) =>
      mm.page.at(0).content.peek() === results.tracker,
  },
  sometimes: {
    'no write gets through': ({ results }) => !results.vcpu0.first && !results.vcpu0.second,
    'one write gets through': ({ results }) => results.vcpu0.first && !results.vcpu0.second,
    'both writes get through': ({ results }) => results.vcpu0.second,
  },
});
