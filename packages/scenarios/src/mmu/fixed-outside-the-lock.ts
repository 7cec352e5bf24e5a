import { createVcpu, gfnOf, KVM_MEM_LOG_DIRTY_PAGES, type Memslot, type Vcpu } from '@faultline/kvm';
import {
  fixDirectSpte,
  getDirtyLog,
  guestRead,
  guestWrite,
  lastSpte,
  mmuLoad,
  PT_WRITABLE,
  swapOut,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { GPA0, HVA0, type MmuVm, mmuVm, protectForLogging } from '../vm/mmu-vm.ts';

/** Somebody holds mmu_lock until the guest's write is done, which needs no more than the fast path. */
export const fixedOutsideTheLock = scenario('mmu/fault-fixed-outside-the-lock', {
  title: 'a write to a page that is protected for logging has to wait for mmu_lock',
  source: 'locking.rst, fast_page_fault',
  claims: [
    { seed: '000.18', says: 'a fault ends while another task holds mmu_lock for write', verdict: 'holds' },
    {
      seed: '000.47',
      says: 'entries of shadow pages change under mmu_lock',
      verdict: 'holds in part',
      but: 'a fast page fault changes one without it',
    },
  ],
  size: '1 vCPU, 1 write, 1 page, tables of 1 level, A/D bits',
  defends: [],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 1 }, 1, KVM_MEM_LOG_DIRTY_PAGES);
    yield* guestRead(vm.vcpu, GPA0);
    yield* getDirtyLog(vm.kvm, 0);
    protectForLogging(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
    },
    *holder({ kvm, mm }: MmuVm) {
      yield* kvm.mmuLock.writeLock();
      yield* mm.page.at(0).content.awaitEqual(7n);
      yield* kvm.mmuLock.writeUnlock();
    },
  },
  always: {
    'the write does not wait for whoever holds mmu_lock': never('deadlock'),
  },
  sometimes: {
    'the write is done': (_, { mm }) => mm.page.at(0).content.peek() === 7n,
  },
});

/**
 * Between the look at the entry and the cmpxchg the page is swapped out, comes back to the same frame, and is protected by
 * a harvest: the entry has the old value again, and the cmpxchg succeeds. An entry of a table that follows the guest's own
 * might by now stand for another gfn; a direct one stands for its gfn for ever, so the bit that is set is the right one.
 */
export const frameComesBack = scenario('mmu/frame-comes-back', {
  title: 'a page loses its frame and gets it back while a fault looks at it, and the wrong page is logged',
  source: 'locking.rst, fast_pf_fix_direct_spte',
  claims: ['000.26', '003.8'].map((seed) => ({
    seed,
    says: 'the cmpxchg succeeds on an entry that was away meanwhile, and the page that it makes writable is logged',
    verdict: 'holds' as const,
  })),
  size: '2 vCPUs, 1 fault, 1 read, 1 page swapped out, 1 harvest, 1 frame, tables of 1 level, A/D bits',
  defends: ['mmu.mark_dirty_after_cmpxchg'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 1 }, 1, KVM_MEM_LOG_DIRTY_PAGES);
    yield* guestRead(vm.vcpu, GPA0);
    yield* getDirtyLog(vm.kvm, 0);
    const other = yield* createVcpu(vm.kvm, 1);
    if (typeof other === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${other}`);
    yield* mmuLoad(other);
    const slot = vm.kvm.memslots.at(0).peek()?.gfnTree as Memslot;
    return { ...vm, other, slot };
  },
  threads: {
    *vcpu0({ kvm, vcpu, slot }: TwoVcpus) {
      const idx = yield* kvm.srcu.readLock();
      const found = yield* lastSpte(vcpu, gfnOf(GPA0));
      const before = yield* kvm.mmuInvalidateSeq.readOnce();
      let won = false;
      if (found !== null) {
        const next = found.spte | PT_WRITABLE;
        won = yield* fixDirectSpte(vcpu, found.sptep, found.spte, next, slot, gfnOf(GPA0));
      }
      yield* kvm.srcu.readUnlock(idx);
      return { won, away: (yield* kvm.mmuInvalidateSeq.readOnce()) !== before };
    },
    *host({ kvm, other }: TwoVcpus) {
      yield* swapOut(kvm, HVA0);
      yield* guestRead(other, GPA0);
      yield* getDirtyLog(kvm, 0);
    },
  },
  always: {
    'a page that is writable is in the next harvest': (_, { kvm }) => {
      const bitmap = kvm.memslots.at(0).peek()?.gfnTree?.dirtyBitmap;
      const spte = kvm.roots.get(0)?.spt.at(0).peek() ?? 0n;
      return (spte & PT_WRITABLE) === 0n || bitmap?.words.at(0).peek() === 1;
    },
  },
  sometimes: {
    'the cmpxchg succeeds, and the page was away meanwhile': ({ results: { vcpu0 } }) =>
      vcpu0.won && vcpu0.away,
    'the cmpxchg fails': ({ results: { vcpu0 } }) => !vcpu0.won,
  },
});

interface TwoVcpus extends MmuVm {
  readonly other: Vcpu;
  readonly slot: Memslot;
}
