import { KVM_MEM_LOG_DIRTY_PAGES, setUserMemoryRegion } from '@faultline/kvm';
import { mmuFirstShadowRootAlloc, rmapAdd } from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { GFN, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/** What a vCPU does when it needs its first shadow root: while it handles an exit, inside kvm->srcu. */
function* firstShadowRoot({ kvm }: SmallVm): Task {
  const idx = yield* kvm.srcu.readLock();
  yield* mmuFirstShadowRootAlloc(kvm);
  yield* kvm.srcu.readUnlock(idx);
  // The next exit: another section, and perhaps another set of slots.
  const next = yield* kvm.srcu.readLock();
  yield* rmapAdd(kvm, GFN as never);
  yield* kvm.srcu.readUnlock(next);
}

/**
 * locking.rst, kvm->slots_arch_lock.
 *
 * A vCPU gives every slot its reverse maps, inside a read section of kvm->srcu, while an ioctl replaces a slot. Both hold
 * slots_arch_lock: the ioctl until it has published the new slot, the vCPU from before it looks which slots there are. The
 * ioctl lets go of it before it waits for sections, so the vCPU may wait for it inside one.
 */
export const rmapsMissing = scenario('locks/rmaps-missing', {
  title: 'a slot is replaced while a vCPU gives it reverse maps, and the new one has none',
  source: 'locking.rst, mmu_first_shadow_root_alloc',
  claims: [
    {
      seed: '000.12',
      says: 'held across the grace period, slots_arch_lock is waited for by a vCPU that is waited for',
      verdict: 'holds',
    },
    {
      seed: '000.13',
      says: 'a vCPU that takes slots_arch_lock inside its section always gets it',
      verdict: 'holds',
    },
    {
      seed: '000.54',
      says: 'reverse maps are fields of slots that a vCPU writes inside a section, and no slot misses them',
      verdict: 'holds',
    },
    {
      seed: '000.55',
      says: 'who looks which slots there are before he has the lock gives reverse maps to a slot that is gone',
      verdict: 'holds',
    },
  ],
  size: '1 vCPU, 1 change of the flags of a slot',
  defends: ['locks.rmaps_hold_slots_arch_lock', 'locks.give_new_slot_rmaps'],
  *setup() {
    const vm = yield* smallVm({ tableEntries: 2 });
    yield* setUserMemoryRegion(vm.kvm, region(GFN, 1));
    return vm;
  },
  threads: {
    *vcpu0(vm: SmallVm) {
      yield* firstShadowRoot(vm);
    },
    *vmm({ kvm }: SmallVm) {
      return yield* setUserMemoryRegion(kvm, region(GFN, 1, { flags: KVM_MEM_LOG_DIRTY_PAGES }));
    },
  },
  always: {
    'the vCPU and the ioctl both go on': never('deadlock'),
    'a slot that a vCPU finds has its reverse maps': never('BUG'),
    'the reverse maps of slots change under slots_arch_lock': never('wrong guard'),
  },
  sometimes: {
    'the slot is replaced': ({ results }) => results.vmm === 0,
  },
});

/** Two vCPUs at once: each finds the slots without reverse maps. */
export const rmapsTwice = scenario('locks/rmaps-given-twice', {
  title: 'two vCPUs give a slot reverse maps, and what one has noted is lost with its own',
  source: 'mmu_first_shadow_root_alloc',
  size: '2 vCPUs',
  defends: ['locks.rmaps_hold_slots_arch_lock'],
  *setup() {
    const vm = yield* smallVm({ tableEntries: 2 });
    yield* setUserMemoryRegion(vm.kvm, region(GFN, 1));
    return vm;
  },
  threads: {
    *vcpu0(vm: SmallVm) {
      yield* firstShadowRoot(vm);
    },
    *vcpu1(vm: SmallVm) {
      yield* firstShadowRoot(vm);
    },
  },
  always: {
    'the reverse maps of slots change under slots_arch_lock': never('wrong guard'),
    'no vCPU uses reverse maps while another replaces them': never('data race'),
  },
  sometimes: {
    'what both have noted is there': (_, { kvm }) =>
      kvm.memslots.at(0).peek()?.gfnTree?.rmap?.entries.peek() === 2,
  },
});
