import { setUserMemoryRegion } from '@faultline/kvm';
import { guestRead, guestWrite, shadowZapAllFast, swapOut } from '@faultline/kvm/seams';
import { type AnyScenario, never, scenario } from '@faultline/machine';
import { contentOfPage, giveAway, kept, takeAway } from '../vm/frames.ts';
import { HVA0 } from '../vm/mmu-vm.ts';
import { PAGE_A, protectShadowForLogging, type ShadowVm, shadowVm } from '../vm/shadow-vm.ts';
import { deletion } from '../vm/small-vm.ts';

const KEPT = 'a frame that was given away keeps what its new owner wrote';
const HOLDS = 'the page holds what the guest wrote';

/**
 * Seed 003, "Dirty bit tracking", in its own function. An entry without W whose Accessed bit is set looks as if nobody
 * could change it. But the fast path gives W back, the CPU writes and sets Dirty, and a plain store throws that away.
 */
function lost(real: boolean): AnyScenario {
  return scenario(real ? 'shadow/dirty-bit-lost-all-levels-real' : 'shadow/dirty-bit-lost', {
    title: 'mmu_spte_clear_track_bits() overwrites the Dirty bit that a fast page fault made possible',
    source: 'seed 003, mmu_spte_clear_track_bits',
    size: `1 vCPU without tables, 1 write by the fast path, 1 page swapped out, 3 frames, pages of 2 levels${real ? '; vCPU entry and flushes by requests and interrupts' : ''}`,
    deep: real,
    claims: real
      ? []
      : [
          { seed: '003.1', says: 'present, a write, and W is all that is missing', verdict: 'holds' },
          {
            seed: '003.16',
            says: 'with a plain store the Dirty bit is lost as in the table',
            verdict: 'holds',
          },
          {
            seed: '003.17',
            says: 'exchanging whatever the fast path may change avoids it',
            verdict: 'holds',
          },
        ],
    defends: ['shadow.clear_spte_xchg', 'shadow.report_dirty_of_cleared'],
    *setup() {
      const level = real ? 'real' : 'abstract';
      const vm = yield* shadowVm({ flat: true, frames: 3, mmu: { remoteFlush: level, vcpuEntry: level } });
      yield* guestRead(vm.vcpu, PAGE_A);
      protectShadowForLogging(vm);
      return vm;
    },
    threads: {
      *vcpu0({ vcpu }: ShadowVm) {
        yield* guestWrite(vcpu, PAGE_A, 7n);
      },
      *host(vm: ShadowVm) {
        return yield* takeAway(vm);
      },
    },
    always: {
      [HOLDS]: (_, vm) => contentOfPage(vm, 0) === 7n,
      [KEPT]: ({ results }, vm) => kept(results.host, vm),
    },
    sometimes: {
      'the page is swapped out after the write': (_, { mm }) => mm.swap.at(0).peek() === 7n,
      'the page is swapped out before': ({ results }, { mm }) =>
        results.host >= 0 && mm.swap.at(0).peek() === 0n,
    },
  });
}

export const dirtyBitLost = lost(false);
export const dirtyBitLostReal = lost(true);

/** The same where no fast path gives W back: nobody changes such an entry, and a plain store would do. */
export const noFastPath = scenario('shadow/dirty-bit-lost-without-fast-path', {
  title: 'mmu_spte_clear_track_bits() overwrites a Dirty bit although there is no fast page fault',
  source: 'seed 003, mmu_spte_clear_track_bits',
  size: '1 vCPU with tables, 1 write, 1 page swapped out, 8 frames, tables of 2 levels',
  deep: true,
  claims: [
    { seed: '000.32', says: 'a plain store is silent where the fast path is off', verdict: 'holds' },
    { seed: '003.15', says: 'a plain store is silent where the fast path is off', verdict: 'holds' },
  ],
  defends: ['shadow.report_dirty_of_cleared'],
  *setup() {
    const vm = yield* shadowVm({ frames: 8 });
    yield* guestRead(vm.vcpu, PAGE_A);
    protectShadowForLogging(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      yield* guestWrite(vcpu, PAGE_A, 7n);
    },
    *host(vm: ShadowVm) {
      return yield* takeAway(vm);
    },
  },
  always: { [HOLDS]: (_, vm) => contentOfPage(vm, 0) === 7n },
  sometimes: {
    'the page is swapped out after the write': (_, { mm }) => mm.swap.at(0).peek() === 7n,
    'the page is swapped out before': ({ results }, { mm }) =>
      results.host >= 0 && mm.swap.at(0).peek() === 0n,
  },
});

/** The host takes a page away while a fault maps it. */
export const freedFrameMapped = scenario('shadow/freed-frame-mapped', {
  deep: true,
  title: 'a fault maps a frame that the host has just taken away',
  source: 'FNAME(page_fault), is_page_fault_stale',
  size: '1 vCPU with tables, 1 write, 1 page swapped out, 8 frames, tables of 2 levels',
  defends: ['shadow.retry_after_invalidation'],
  *setup() {
    const vm = yield* shadowVm({ frames: 8 });
    yield* guestRead(vm.vcpu, (PAGE_A + 4096) as typeof PAGE_A);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      yield* guestWrite(vcpu, PAGE_A, 7n);
    },
    *host(vm: ShadowVm) {
      return yield* takeAway(vm);
    },
  },
  always: {
    [HOLDS]: (_, vm) => contentOfPage(vm, 0) === 7n,
    [KEPT]: ({ results }, vm) => kept(results.host, vm),
  },
  sometimes: { 'the page goes': ({ results }) => results.host >= 0 },
});

/** Deleting a slot throws all shadow pages away. What is left of them nobody finds: the notifier for the memory sees no slot. */
export const mappingLeft = scenario('shadow/mapping-left-after-delete', {
  title: 'a shadow page of before the deletion of a slot is still used',
  source: 'kvm_mmu_zap_all_fast, kvm_zap_obsolete_pages',
  size: '1 vCPU without tables, 1 write, 1 slot deleted and its page swapped out, 3 frames, pages of 2 levels',
  deep: true,
  defends: ['shadow.toggle_valid_gen', 'shadow.zap_obsolete_pages', 'shadow.request_free_obsolete'],
  *setup() {
    const vm = yield* shadowVm({ flat: true, frames: 3 });
    yield* guestWrite(vm.vcpu, PAGE_A, 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      return (yield* guestWrite(vcpu, PAGE_A, 7n)).via;
    },
    *user({ kvm, mm }: ShadowVm) {
      yield* setUserMemoryRegion(kvm, deletion());
      const freed = yield* swapOut(kvm, HVA0);
      return freed === null ? -1 : yield* giveAway(mm);
    },
  },
  always: {
    [KEPT]: ({ results }, vm) => kept(results.user, vm),
    'nothing that the guest wrote is lost': ({ results }, { mm }) =>
      mm.swap.at(0).peek() === (results.vcpu0 === 'RAM' ? 7n : 1n),
  },
  sometimes: {
    'the guest writes before the slot goes': ({ results }) => results.vcpu0 === 'RAM',
    'the guest writes when the slot is gone': ({ results }) => results.vcpu0 === 'MMIO',
  },
});

/** Everything is zapped while a vCPU uses it. It is told, and loads another root; and what it walked is not freed under it. */
export const rootKept = scenario('shadow/root-kept-after-zap', {
  title: 'a vCPU keeps a root that was zapped, and faults for ever; or walks a page that was freed',
  source: 'kvm_mmu_zap_all_fast, kvm_mmu_prepare_zap_page',
  size: '1 vCPU without tables, 1 write, 1 zap of everything, pages of 2 levels',
  defends: [
    'shadow.request_free_obsolete',
    'shadow.retry_obsolete_root',
    'shadow.flush_before_free',
    'shadow.stamp_generation',
    'shadow.invalidate_before_request',
    'shadow.walk_with_irqs_off',
  ],
  *setup() {
    const vm = yield* shadowVm({ flat: true });
    yield* guestRead(vm.vcpu, PAGE_A);
    protectShadowForLogging(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      return (yield* guestWrite(vcpu, PAGE_A, 7n)).via;
    },
    *nx({ kvm }: ShadowVm) {
      yield* shadowZapAllFast(kvm);
    },
  },
  always: {
    'a vCPU gets on': never('livelock'),
    'no shadow page is walked after it was freed': never('use after free'),
    'no SPTE is installed under an invalid root': never('WARN'),
  },
  sometimes: {},
});
