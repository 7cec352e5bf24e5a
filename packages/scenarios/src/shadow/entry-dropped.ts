import { gfn, KVM_MEM_LOG_DIRTY_PAGES, pfn } from '@faultline/kvm';
import {
  flushRemoteTlbs,
  frameWord,
  getDirtyLog,
  guestRead,
  guestWrite,
  loadCr3,
  pageReferenced,
} from '@faultline/kvm/seams';
import { type AnyScenario, scenario } from '@faultline/machine';
import { contentOfPage, kept, SECRET, takeAway } from '../vm/frames.ts';
import { HVA0 } from '../vm/mmu-vm.ts';
import {
  CR3,
  ENTRY_A,
  entryFor,
  PAGE_A,
  protectShadowForLogging,
  type ShadowVm,
  shadowVm,
  TOP_ENTRY_0,
} from '../vm/shadow-vm.ts';

const KEPT = 'a frame that was given away keeps what its new owner wrote';
const HOLDS = 'the page holds what the guest wrote';
const DIRTY = 1n << 6n;

/**
 * A flush of the guest drops an entry, and the reverse map forgets it. The guest has flushed one TLB. If the host takes the
 * frame away now, it finds nobody who maps it, and would not flush the others: so KVM has, or counts that it still must.
 */
function droppedNotFlushed(postponed: boolean): AnyScenario {
  return scenario(postponed ? 'shadow/postponed-flush-forgotten' : 'shadow/dropped-entry-not-flushed', {
    title: 'a TLB has an entry that the reverse map has forgotten, and the host takes the frame away',
    source: postponed ? 'kvm->tlbs_dirty' : 'FNAME(sync_page), kvm_unmap_rmap',
    size: `2 vCPUs, 1 flush by the guest, then 1 page swapped out, 1 write through a TLB${postponed ? ', 1 flush by somebody else' : ''}`,
    deep: true,
    defends: postponed
      ? ['shadow.count_postponed_flush', 'shadow.flush_for_postponed', 'shadow.clear_postponed_cmpxchg']
      : ['shadow.flush_synced'],
    *setup() {
      const vm = yield* shadowVm({ vcpus: 2, frames: 8, mmu: { shadow: { postponedFlushes: postponed } } });
      const other = vm.vcpus[1] as ShadowVm['vcpu'];
      yield* guestRead(vm.vcpu, PAGE_A);
      yield* guestWrite(vm.vcpu, ENTRY_A, entryFor(1));
      yield* guestWrite(other, PAGE_A, 1n);
      return vm;
    },
    threads: {
      *vcpu0(vm: ShadowVm) {
        yield* loadCr3(vm.vcpu, CR3);
        return yield* takeAway(vm);
      },
      *vcpu1({ vcpus }: ShadowVm) {
        yield* guestWrite(vcpus[1] as ShadowVm['vcpu'], PAGE_A, 7n);
      },
      *user({ kvm }: ShadowVm) {
        if (postponed) yield* flushRemoteTlbs(kvm);
      },
    },
    always: { [KEPT]: ({ results }, vm) => kept(results.vcpu0, vm) },
    sometimes: { 'the frame goes': ({ results }) => results.vcpu0 >= 0 },
  });
}

export const droppedEntry = droppedNotFlushed(false);
export const postponedFlush = droppedNotFlushed(true);

/** A fault finds an entry for a page that the guest's table named before, and replaces it: others may have that in their TLBs. */
export const replacedEntry = scenario('shadow/replaced-entry-not-flushed', {
  title: 'a fault replaces an entry, a TLB keeps it, and the host takes its frame away',
  source: 'mmu_set_spte',
  size: '2 vCPUs, 1 write that replaces an entry, then 1 page swapped out; 1 read through a TLB',
  defends: ['shadow.flush_changed_leaf'],
  *setup() {
    const vm = yield* shadowVm({ vcpus: 2, frames: 8 });
    yield* guestRead(vm.vcpu, PAGE_A);
    // Clean: the shadow entry is read-only until the guest's is dirty.
    yield* guestWrite(vm.vcpu, ENTRY_A, entryFor(0) & ~DIRTY);
    yield* loadCr3(vm.vcpu, CR3);
    yield* guestRead(vm.vcpus[1] as ShadowVm['vcpu'], PAGE_A);
    yield* guestWrite(vm.vcpu, ENTRY_A, entryFor(1) & ~DIRTY);
    return vm;
  },
  threads: {
    *vcpu0(vm: ShadowVm) {
      yield* guestWrite(vm.vcpu, PAGE_A, 7n);
      return yield* takeAway(vm);
    },
    *vcpu1({ vcpus }: ShadowVm) {
      return (yield* guestRead(vcpus[1] as ShadowVm['vcpu'], PAGE_A)).value;
    },
  },
  always: {
    'the guest never reads a frame of somebody else': ({ results }) => results.vcpu1 !== SECRET,
  },
  sometimes: { 'the frame goes': ({ results }) => results.vcpu0 >= 0 },
});

/** A page that is the top table of one vCPU, and a table of the last level for another: a write to it is emulated, and drops an entry. */
export const upperEntryWritten = scenario('shadow/written-entry-not-flushed', {
  deep: true,
  title: 'an emulated write drops an entry, a TLB keeps it, and the host takes its frame away',
  source: 'kvm_mmu_pte_write, kvm_mmu_remote_flush_or_zap',
  size: '2 vCPUs, 1 table used at 2 levels, 1 write to it, then 1 page swapped out; 1 write through a TLB',
  defends: ['shadow.flush_written_entry'],
  *setup() {
    const vm = yield* shadowVm({ vcpus: 2, frames: 8 });
    const other = vm.vcpus[1] as ShadowVm['vcpu'];
    frameWord(vm.kvm, pfn(3), 0).poke(entryFor(0));
    yield* guestRead(vm.vcpu, TOP_ENTRY_0);
    yield* loadCr3(other, gfn(4));
    yield* guestWrite(other, ENTRY_A, 1n);
    return vm;
  },
  threads: {
    *vcpu0(vm: ShadowVm) {
      yield* guestWrite(vm.vcpu, TOP_ENTRY_0, entryFor(1));
      return yield* takeAway(vm);
    },
    *vcpu1({ vcpus }: ShadowVm) {
      // There it is page 0.
      yield* guestWrite(vcpus[1] as ShadowVm['vcpu'], ENTRY_A, 7n);
    },
  },
  always: { [KEPT]: ({ results }, vm) => kept(results.vcpu0, vm) },
  sometimes: { 'the frame goes': ({ results }) => results.vcpu0 >= 0 },
});

/** The Dirty bit in mmu_spte_update(): a harvest takes W away at the moment that the hardware sets D. */
export const updateLosesDirtyBit = scenario('shadow/update-loses-dirty-bit', {
  deep: true,
  title: 'mmu_spte_update() overwrites a Dirty bit, and the host drops a page that was written',
  source: 'seed 003, mmu_spte_update',
  size: '1 vCPU without tables, 1 write, 1 harvest, then 1 page swapped out; pages of 2 levels',
  defends: ['shadow.update_spte_xchg', 'shadow.report_dirty_of_updated'],
  *setup() {
    const vm = yield* shadowVm({ flat: true, frames: 3, flags: KVM_MEM_LOG_DIRTY_PAGES });
    yield* guestWrite(vm.vcpu, PAGE_A, 1n);
    clean(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      yield* guestWrite(vcpu, PAGE_A, 7n);
    },
    *user(vm: ShadowVm) {
      yield* getDirtyLog(vm.kvm, 0);
      return yield* takeAway(vm);
    },
  },
  always: {
    [HOLDS]: (_, vm) => contentOfPage(vm, 0) === 7n,
    [KEPT]: ({ results }, vm) => kept(results.user, vm),
  },
  sometimes: { 'the page goes after the write': (_, { mm }) => mm.swap.at(0).peek() === 7n },
});

/** Aging clears A while the hardware sets D. */
export const agedPageDropped = scenario('shadow/aged-page-dropped', {
  title: 'aging overwrites a Dirty bit, and the host drops a page that was written',
  source: 'kvm_age_rmap',
  size: '1 vCPU without tables, 1 write, 1 look whether the page is used, then 1 page swapped out; pages of 2 levels',
  defends: ['shadow.clear_accessed_andnot'],
  *setup() {
    const vm = yield* shadowVm({ flat: true, frames: 3 });
    yield* guestRead(vm.vcpu, PAGE_A);
    clean(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      yield* guestWrite(vcpu, PAGE_A, 7n);
    },
    *host(vm: ShadowVm) {
      yield* pageReferenced(vm.kvm, HVA0);
      return yield* takeAway(vm);
    },
  },
  always: { [HOLDS]: (_, vm) => contentOfPage(vm, 0) === 7n },
  sometimes: { 'the page goes after the write': (_, { mm }) => mm.swap.at(0).peek() === 7n },
});

/** Writable, accessed, and not dirty, for the hardware to set it. */
function clean(vm: ShadowVm): void {
  protectShadowForLogging(vm);
  for (let page = vm.kvm.shadowMmu?.activeMmuPages ?? null; page !== null; page = page.link) {
    if (page.level === 1) page.spt.at(0).poke(page.spt.at(0).peek() | 2n);
  }
  vm.mm.page.at(0).flags.poke(0);
}
