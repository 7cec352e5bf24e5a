import {
  clearFlushYoung,
  guestRead,
  invalidateRangeEnd,
  invalidateRangeStart,
  PG_ACCESSED,
  testYoung,
} from '@faultline/kvm/seams';
import { type Cell, cell32, type StructType, scenario, struct, type View } from '@faultline/machine';
import { age, NO_AD, shareInHost, WITH_AD } from '../vm/aging-vm.ts';
import { GPA0, HVA0, HVA1, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

interface Order extends View {
  /** 1 once the host has aged the page; 1 once the guest has made its accesses. */
  readonly aged: Cell<number>;
  readonly done: Cell<number>;
}

const Order: StructType<Order> = struct('scenario_order', { aged: cell32, done: cell32 }, { as: 'test' });

interface Aging extends MmuVm {
  readonly order: Order;
}

const threads = {
  *vcpu0({ vcpu, order }: Aging) {
    yield* guestRead(vcpu, GPA0);
    const after = (yield* order.aged.loadAcquire()) === 1;
    yield* guestRead(vcpu, GPA0);
    yield* order.done.storeRelease(1);
    return after;
  },
  *host({ kvm, order }: Aging) {
    const before = yield* clearFlushYoung(kvm, HVA0, HVA1);
    yield* order.aged.storeRelease(1);
    yield* order.done.awaitEqual(1);
    return { before, after: yield* testYoung(kvm, HVA0, HVA1) };
  },
};

const NOTICED = 'a use that begins after the page was aged is found by the next who asks';

/**
 * Aging answers "was this page used?" and begins to watch anew. A translation that stays in a TLB would hide every later
 * use, so the notifier that says flush in its name flushes.
 */
export const useThroughTlbUnnoticed = scenario('notifier/use-through-tlb-unnoticed', {
  title: 'a guest uses a page through its TLB, and aging does not notice',
  source: 'kvm_mmu_notifier_clear_flush_young',
  size: '1 vCPU, 2 reads, 1 aging, 1 test, tables of 1 level, A/D bits',
  defends: ['notifier.flush_young'],
  *setup() {
    const vm = yield* mmuVm(WITH_AD);
    yield* guestRead(vm.vcpu, GPA0);
    return { ...vm, order: Order.alloc() };
  },
  threads,
  always: { [NOTICED]: ({ results }) => !results.vcpu0 || results.host.after },
  sometimes: {
    'the page is aged between the reads': ({ results }) => results.vcpu0 && results.host.before,
    'both reads come before': ({ results }) => !results.host.after,
  },
});

/** The same by access tracking: the first access after aging faults, and the fault is what is noticed. */
export const trackedUseUnnoticed = scenario('notifier/tracked-use-unnoticed', {
  title: 'a guest uses a page whose accesses are tracked by faults, and aging does not notice',
  source: 'Documentation/virt/kvm/locking.rst, "Lockless Access Tracking"',
  size: '1 vCPU, 2 reads, 1 aging, 1 test, tables of 1 level, no A/D bits',
  claims: [
    {
      seed: '000.38',
      says: 'Aging makes the entry not present for the hardware and keeps R and X in ignored bits',
      verdict: 'holds',
    },
    {
      seed: '000.19',
      says: 'A fault on an access-tracked entry is fixed without mmu_lock by giving R and X back',
      verdict: 'holds',
    },
  ],
  defends: ['notifier.flush_young'],
  *setup() {
    const vm = yield* mmuVm(NO_AD);
    yield* guestRead(vm.vcpu, GPA0);
    return { ...vm, order: Order.alloc() };
  },
  threads,
  always: { [NOTICED]: ({ results }) => !results.vcpu0 || results.host.after },
  sometimes: {
    'the page is aged between the reads': ({ results }) => results.vcpu0 && results.host.before,
    'both reads come before': ({ results }) => !results.host.after,
  },
});

/**
 * A read-only entry whose accesses are tracked: the fast path may give R and X back while the host takes the translation
 * away. What the host learns is decided by the entry that was really replaced.
 */
export const useForgottenInZap = scenario('notifier/use-forgotten-in-zap', {
  title: 'a zap overwrites the sign that a tracked page was used',
  source: 'spte_has_volatile_bits',
  size: '1 vCPU, 1 read, 1 invalidation, 1 page shared in the host, tables of 1 level, no A/D bits',
  defends: ['mmu.write_spte_xchg'],
  *setup() {
    const vm = yield* mmuVm(NO_AD);
    shareInHost(vm);
    yield* guestRead(vm.vcpu, GPA0);
    yield* age(vm);
    vm.mm.page.at(0).flags.poke(0);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestRead(vcpu, GPA0);
    },
    *host({ kvm, mm }: MmuVm) {
      yield* invalidateRangeStart(kvm, HVA0, HVA1);
      yield* invalidateRangeEnd(kvm, HVA0, HVA1);
      return ((yield* mm.page.at(0).flags.readOnce()) & PG_ACCESSED) !== 0;
    },
  },
  always: {
    'the host was told of the use, or finds it when it asks': ({ results }, { kvm }) =>
      results.host || (kvm.roots.get(0)?.spt.at(0).peek() ?? 0n) !== 0n,
  },
  sometimes: {
    'the host is told': ({ results }) => results.host,
    'the guest maps it again': ({ results }) => !results.host,
  },
});
