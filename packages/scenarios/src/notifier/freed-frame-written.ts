import { allocFrame, guestRead, guestWrite, swapOut } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

/** What the next owner of a freed frame keeps there. */
const SECRET = 0x5ec3e7n;

/** The host takes the frame away from the guest, and gives it to somebody else at once. */
function* takeAway({ kvm, mm }: MmuVm): Task<number> {
  const freed = yield* swapOut(kvm, HVA0);
  const taken = freed === null ? null : yield* allocFrame(mm);
  if (taken === null) return -1;
  yield* mm.page.at(taken).content.writeOnce(SECRET);
  return taken;
}

const kept = (taken: number, { mm }: MmuVm) => taken < 0 || mm.page.at(taken).content.peek() === SECRET;

/**
 * A vCPU faults on a page while the host swaps it out. The fault asked the host for the frame before, or while, the
 * host took it away; only the sequence count (taken away before) and the count in progress (being taken away) tell.
 */
export const freedFrameMapped = scenario('notifier/freed-frame-mapped', {
  title: 'a fault maps a frame that the host has just taken away',
  source: 'kvm_mmu_notifier_invalidate_range_start, mmu_invalidate_retry',
  size: '1 vCPU, 1 write, 1 page swapped out, 2 frames, tables of 1 level',
  defends: [
    'notifier.count_in_progress',
    'notifier.bump_invalidate_seq',
    'mmu.retry_while_in_progress',
    'mmu.retry_after_invalidation',
  ],
  *setup() {
    return yield* mmuVm({ pages: 1, frames: 2 });
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
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.host, vm),
    'the guest reads what it wrote': ({ results }) => results.vcpu0 === 7n,
  },
  sometimes: {
    'the page is taken away before the guest writes': ({ results }, { mm }) =>
      results.host >= 0 && mm.swap.at(0).peek() !== 7n,
    'the page is taken away after the guest wrote': (_, { mm }) => mm.swap.at(0).peek() === 7n,
  },
});

/**
 * The vCPU has the translation in its TLB already. Taking it out of the tables is not enough: the host may reuse the
 * frame as soon as the notifier returns, so the notifier flushes before it does.
 */
export const frameWrittenThroughTlb = scenario('notifier/freed-frame-written-through-tlb', {
  title: 'a vCPU writes through its TLB to a frame that was taken away',
  source: 'kvm_mmu_notifier_invalidate_range_start',
  size: '1 vCPU, 1 write, 1 page swapped out, 2 frames, tables of 1 level',
  defends: ['notifier.flush_before_return', 'mmu.report_dirty_to_host'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 2 });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
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
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.host, vm),
    'the guest reads what it wrote': ({ results }) => results.vcpu0 === 7n,
  },
  sometimes: {
    'the page is taken away after the guest wrote': (_, { mm }) => mm.swap.at(0).peek() === 7n,
    'the page is taken away before': (_, { mm }) => mm.swap.at(0).peek() === 1n,
  },
});
