import { guestRead, guestWrite } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { kept, takeAway } from '../vm/frames.ts';
import { GPA0, type MmuVm, mmuVm, protectForLogging } from '../vm/mmu-vm.ts';

/**
 * Seeds 000 and 003, "dirty bit tracking". An SPTE that is read-only for logging, with its Accessed bit set, looks as if
 * nobody could change it any more, so it might be cleared with a plain store. But the fast path may make it writable
 * without mmu_lock, the CPU then writes and sets Dirty, and the store throws that away: the host drops a page that was
 * written. Whatever the fast path may change is exchanged instead, and judged by the value that came back.
 */
export const dirtyBitLost = scenario('mmu/dirty-bit-lost', {
  title: 'a zap overwrites the Dirty bit that a fast page fault made possible',
  source: 'Documentation/virt/kvm/locking.rst, "Dirty bit tracking"',
  size: '1 vCPU, 1 write by the fast path, 1 page swapped out, 2 frames, tables of 1 level, A/D bits',
  claims: [
    {
      seed: '000.24',
      says: 'whatever changes the entry makes the cmpxchg of the fast path lose',
      verdict: 'holds',
    },
    { seed: '000.33', says: 'with a plain store the Dirty bit is lost as in the table', verdict: 'holds' },
    { seed: '000.34', says: 'exchanging whatever the fast path may change avoids it', verdict: 'holds' },
  ],
  defends: ['mmu.write_spte_xchg', 'mmu.fast_page_fault_cmpxchg', 'mmu.report_dirty_to_host'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 2 });
    yield* guestRead(vm.vcpu, GPA0);
    protectForLogging(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      return (yield* guestRead(vcpu, GPA0)).value;
    },
    *host(vm: MmuVm) {
      return yield* takeAway(vm);
    },
  },
  always: {
    'the guest reads what it wrote': ({ results }) => results.vcpu0 === 7n,
    'a frame that was given away keeps what its new owner wrote': ({ results: { host } }, vm) =>
      kept(host, vm),
  },
  sometimes: {
    'the page is swapped out after the write': (_, { mm }) => mm.swap.at(0).peek() === 7n,
    'the page is swapped out before': ({ results: { host } }, { mm }) =>
      host >= 0 && mm.swap.at(0).peek() === 0n,
  },
});
