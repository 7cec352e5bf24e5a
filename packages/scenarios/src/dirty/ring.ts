import { gpa, PAGE_SIZE, reapDirtyRing, resetDirtyRings, type Vcpu } from '@faultline/kvm';
import {
  dirtyRingPush,
  dirtyRingSoftFull,
  guestRead,
  guestWrite,
  KVM_DIRTY_GFN_F_DIRTY,
  KVM_DIRTY_GFN_F_RESET,
} from '@faultline/kvm/seams';
import {
  type Mutex,
  mutex,
  never,
  retryAfterChange,
  type StructType,
  scenario,
  struct,
  type Task,
  u32Field,
  type View,
} from '@faultline/machine';
import { copiedOrLogged, type DirtyVm, dirtyVm, ringPages } from '../vm/dirty-vm.ts';
import { GPA0, protectForLogging } from '../vm/mmu-vm.ts';

/** Pages that user space takes from a ring in one go, from entry `from` on. */
function* reap(vcpu: Vcpu, from: number): Task<number[]> {
  return (yield* reapDirtyRing(vcpu, from)).map((page) => page.offset);
}

/** One round of a migration by ring: take, reset, and only then copy page 0 if it was named. */
function* reapAndCopy({ kvm, vcpu, mm }: DirtyVm, from = 0): Task<{ pages: number[]; copied: bigint }> {
  const pages = yield* reap(vcpu, from);
  yield* resetDirtyRings(kvm);
  return { pages, copied: pages.includes(0) ? yield* mm.page.at(0).content.readOnce() : 0n };
}

/**
 * The page of an entry is armed, and TLBs are flushed, before the ioctl that resets the entry returns. Only then user space
 * copies the page: a write that the copy misses is in the ring again.
 */
export const writeAfterRingReset = scenario('dirty/write-after-ring-reset', {
  title: 'a page is written after its entry was reset and it was copied, and the ring does not say so',
  source: 'kvm_vm_ioctl_reset_dirty_pages',
  size: '1 vCPU, 2 writes, 1 reset, 1 page, tables of 1 level, ring of 4 entries',
  defends: ['dirty.rearm_reset_pages', 'dirty.flush_after_reset', 'mmu.mark_dirty_after_cmpxchg'],
  *setup() {
    const vm = yield* dirtyVm({ dirtyRing: { entries: 4, reserved: 1 } });
    yield* guestRead(vm.vcpu, GPA0);
    yield* reapAndCopy(vm);
    protectForLogging(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      yield* guestWrite(vcpu, GPA0, 8n);
    },
    *migration(vm: DirtyVm) {
      return yield* reapAndCopy(vm, 1);
    },
  },
  always: {
    'a page that differs from its copy is in the ring': ({ results }, vm) =>
      copiedOrLogged(results.migration.copied, vm),
  },
  sometimes: {
    'the copy has the first write only': ({ results }) => results.migration.copied === 7n,
    'the copy has both writes': ({ results }) => results.migration.copied === 8n,
    'the ring is empty': ({ results }) => results.migration.pages.length === 0,
  },
});

/**
 * What user space must not do: copy first and reset then. The copy is old, and nothing names the page again, because it was
 * not armed when it was written.
 */
export const copiedBeforeRingReset = scenario('dirty/copied-before-ring-reset', {
  title: 'a page is copied before its entry was reset, and a write in between is in no ring',
  source: 'Documentation/virt/kvm/api.rst, KVM_RESET_DIRTY_RINGS',
  size: '1 vCPU, 2 writes, 1 reset, 1 page, tables of 1 level, ring of 4 entries',
  defends: ['dirty.rearm_reset_pages', 'dirty.flush_after_reset'],
  *setup() {
    return yield* dirtyVm({ dirtyRing: { entries: 4, reserved: 1 } });
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      yield* guestWrite(vcpu, GPA0, 8n);
    },
    *migration({ kvm, vcpu, mm }: DirtyVm) {
      const pages = yield* reap(vcpu, 0);
      const early = yield* mm.page.at(0).content.readOnce();
      yield* resetDirtyRings(kvm);
      return { pages, early, late: yield* mm.page.at(0).content.readOnce() };
    },
  },
  always: {
    'what is copied after the reset is new, or in the ring': ({ results: { migration } }, vm) =>
      migration.pages.length === 0 || copiedOrLogged(migration.late, vm),
  },
  sometimes: {
    'what is copied before the reset is old, and in no ring': ({ results: { migration } }, vm) =>
      migration.pages.length > 0 && !copiedOrLogged(migration.early, vm),
    'the ring is empty': ({ results }) => results.migration.pages.length === 0,
  },
});

/**
 * An entry passes from kernel to user space and back by its flags alone: who sees a flag sees the entry that it stands
 * for, and nobody touches an entry that is not his. Here the entries are used again and again.
 */
export const ringEntryTorn = scenario('dirty/ring-entry-torn', {
  title: 'user space reads an entry that the kernel is writing',
  source: '8929bc965964',
  size: '1 vCPU, 3 pushes, 1 reaper, 1 thread that resets 2 entries, ring of 2 entries, 1 reserved',
  defends: [
    'dirty.order_entry_before_flags',
    'dirty.load_dirty_flag',
    'dirty.hand_entry_back',
    'dirty.load_reset_flag',
    'dirty.read_reset_index',
    'dirty.publish_reset_index',
  ],
  *setup() {
    return yield* dirtyVm({
      dirtyRing: { entries: 2, reserved: 1 },
      mmu: { pages: 4, frames: 4, indexBits: 2 },
    });
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      const ring = vcpu.dirtyRing as NonNullable<Vcpu['dirtyRing']>;
      for (let page = 1; page <= 3; page++) {
        yield* untilRoom(vcpu);
        yield* dirtyRingPush(ring, 0, page);
      }
    },
    *reaper({ vcpu }: DirtyVm) {
      const { gfns } = vcpu.dirtyRing as NonNullable<Vcpu['dirtyRing']>;
      const found: number[] = [];
      while (found.length < 3) {
        yield* gfns.at(found.length % 2).flags.awaitEqual(KVM_DIRTY_GFN_F_DIRTY);
        found.push(...(yield* reap(vcpu, found.length)));
      }
      return found;
    },
    *ioctl({ kvm, vcpu }: DirtyVm) {
      const { gfns } = vcpu.dirtyRing as NonNullable<Vcpu['dirtyRing']>;
      for (let reset = 0; reset < 2; ) {
        yield* gfns.at(reset).flags.awaitEqual(KVM_DIRTY_GFN_F_RESET);
        reset += yield* resetDirtyRings(kvm);
      }
    },
  },
  always: {
    'nobody touches an entry that is not his': never('data race'),
  },
  sometimes: {
    'each entry is found, and is what the kernel wrote': ({ results }) => results.reaper.join() === '1,2,3',
  },
});

/** What a VMM does when its vCPU exits with a full ring, and its reaper is another thread. */
function* untilRoom(vcpu: Vcpu): Task {
  const ring = vcpu.dirtyRing as NonNullable<Vcpu['dirtyRing']>;
  const reset = yield* ring.resetIndex.readOnce();
  if (yield* dirtyRingSoftFull(vcpu)) yield* retryAfterChange([[ring.resetIndex, reset]]);
}

/** The VMM's own state: who takes entries, the thread of a vCPU or another, holds `lock`. */
interface Vmm extends View {
  readonly lock: Mutex;
  /** Entries taken so far. */
  taken: number;
}

const Vmm: StructType<Vmm> = struct('vmm_reaper', { lock: mutex, taken: u32Field }, { as: 'vmm' });

interface ReapedVm extends DirtyVm {
  readonly vmm: Vmm;
}

function* reapLocked({ kvm, vcpu, vmm }: ReapedVm): Task<number[]> {
  yield* vmm.lock.lock();
  const found = yield* reap(vcpu, vmm.taken);
  vmm.taken += found.length;
  yield* resetDirtyRings(kvm);
  yield* vmm.lock.unlock();
  return found;
}

/**
 * A vCPU whose ring is nearly full does not enter its guest before user space has made room: it leaves with
 * KVM_EXIT_DIRTY_RING_FULL, and its thread takes the entries. Another thread does so whenever it likes.
 */
export const ringOverrun = scenario('dirty/ring-overrun', {
  title: 'a vCPU overwrites entries of its ring that user space has not taken',
  source: 'kvm_dirty_ring_soft_full',
  size: '1 vCPU, 2 pages written, 1 other reaper, ring of 2 entries, 1 in use',
  deep: true,
  defends: ['io.leave_when_ring_is_full'],
  *setup() {
    const ring = { entries: 2, reserved: 0 };
    const vm = yield* dirtyVm({ dirtyRing: ring, mmu: { pages: 4, frames: 4, indexBits: 2 } });
    yield* guestWrite(vm.vcpu, GPA0, 7n);
    return { ...vm, vmm: Vmm.alloc() };
  },
  threads: {
    *vcpu0(vm: ReapedVm) {
      const found: number[] = [];
      let full = 0;
      for (let page = 1; page < 3; page++) {
        while ((yield* guestWrite(vm.vcpu, gpa(page * PAGE_SIZE), 7n)).via === 'ring full') {
          full++;
          found.push(...(yield* reapLocked(vm)));
        }
      }
      return { full, found };
    },
    *reaper(vm: ReapedVm) {
      return yield* reapLocked(vm);
    },
  },
  always: {
    'each page that was written is named': ({ results: { vcpu0, reaper } }, { vcpu }) =>
      [0, 1, 2].every((page) => [...vcpu0.found, ...reaper, ...ringPages(vcpu)].includes(page)),
    'no entry is overwritten': ({ warnings }) => warnings.length === 0,
  },
  sometimes: {
    'the guest leaves because its ring is full': ({ results }) => results.vcpu0.full > 0,
    'the other reaper makes room in time': ({ results }) => results.vcpu0.full === 0,
  },
});
