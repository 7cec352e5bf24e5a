import { clearYoung, guestRead, guestWrite, swapOut } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { clearDirtyBit, NO_AD, WITH_AD } from '../vm/aging-vm.ts';
import { contentOfPage } from '../vm/frames.ts';
import { GPA0, HVA0, HVA1, type MmuVm, mmuVm, protectForLogging } from '../vm/mmu-vm.ts';

const HOLDS = 'the page holds what the guest wrote';

/** The host looks whether the page is used, and takes it away whatever the answer is. */
const threads = {
  *vcpu0({ vcpu }: MmuVm) {
    yield* guestWrite(vcpu, GPA0, 7n);
  },
  *host({ kvm }: MmuVm) {
    const young = yield* clearYoung(kvm, HVA0, HVA1);
    const freed = yield* swapOut(kvm, HVA0);
    return { young, freed };
  },
};

/**
 * Without A and D bits a page counts as dirty while it is writable, and aging takes W away. So whoever ages it tells the
 * host first; and judges by the entry that it replaced, since the fast path may have made it writable a moment ago.
 */
export const agedPageDropped = scenario('notifier/aged-page-dropped', {
  title: 'aging takes W from a page that was written, and the host drops it as clean',
  source: 'age_gfn_range, mark_spte_for_access_track',
  size: '1 vCPU, 1 write by the fast path, 1 aging, 1 page swapped out, tables of 1 level, no A/D bits',
  claims: [
    {
      seed: '000.20',
      says: 'A fault on a present, write-protected entry is fixed without mmu_lock by setting W',
      verdict: 'holds',
    },
  ],
  defends: [
    'notifier.report_dirty_before_w_goes',
    'notifier.track_access_xchg',
    'mmu.fast_page_fault_cmpxchg',
  ],
  *setup() {
    const vm = yield* mmuVm(NO_AD);
    yield* guestRead(vm.vcpu, GPA0);
    protectForLogging(vm);
    return vm;
  },
  threads,
  always: { [HOLDS]: (_, vm) => contentOfPage(vm, 0) === 7n },
  sometimes: {
    'the page is swapped out after the write': (_, { mm }) => mm.swap.at(0).peek() === 7n,
    'the page is swapped out before': ({ results: { host } }, { mm }) =>
      host.freed !== null && mm.swap.at(0).peek() === 0n,
  },
});

/** With A and D bits aging clears one bit with one locked operation: the hardware may be setting the other. */
export const agingLosesDirtyBit = scenario('notifier/dirty-bit-lost-in-aging', {
  title: 'aging, or the zap after it, overwrites the Dirty bit that the CPU sets meanwhile',
  source: 'age_gfn_range, spte_has_volatile_bits',
  size: '1 vCPU, 1 write, 1 aging, 1 page swapped out, tables of 1 level, A/D bits',
  defends: ['notifier.clear_accessed_andnot', 'mmu.write_spte_xchg', 'mmu.report_dirty_to_host'],
  *setup() {
    const vm = yield* mmuVm(WITH_AD);
    yield* guestRead(vm.vcpu, GPA0);
    clearDirtyBit(vm);
    return vm;
  },
  threads,
  always: { [HOLDS]: (_, vm) => contentOfPage(vm, 0) === 7n },
  sometimes: {
    'the page is swapped out after the write': (_, { mm }) => mm.swap.at(0).peek() === 7n,
    'the page is swapped out before': ({ results: { host } }, { mm }) =>
      host.freed !== null && mm.swap.at(0).peek() === 0n,
    'the page is found used': ({ results: { host } }) => host.young,
  },
});
