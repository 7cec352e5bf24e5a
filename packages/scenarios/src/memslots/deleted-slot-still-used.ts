import { gfn, type Kvm, setUserMemoryRegion, type Vcpu } from '@faultline/kvm';
import { vcpuGfnToMemslot } from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { deletion, GFN, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * A vCPU keeps a pointer to the slot it found last. A slot object is freed after a grace period, so the pointer is good
 * within one read section only, unless the generation says that nothing has changed since. The sets keep a hint of
 * the same kind, which is dropped when the slot leaves.
 */
export const deletedSlotStillUsed = scenario('memslots/deleted-slot-still-used', {
  title: 'a pointer to a deleted slot survives in a cache',
  source: 'fe22ed827c5b',
  size: '1 vCPU, 2 look-ups, 1 deletion, tree form',
  claims: [
    { seed: '000.49', says: 'what a section found in kvm->memslots lives until it ends', verdict: 'holds' },
  ],
  defends: [
    'memslots.wait_for_readers',
    'memslots.forget_slot_of_old_generation',
    'memslots.drop_stale_hint',
    'memslots.publish_slots',
  ],
  *setup() {
    const vm = yield* smallVm({ form: 'modern', tableEntries: 2 });
    yield* setUserMemoryRegion(vm.kvm, region(GFN, 1));
    yield* lookUp(vm.kvm, vm.vcpu);
    return vm;
  },
  threads: {
    *vcpu0({ kvm, vcpu, flags }: SmallVm) {
      const first = yield* lookUp(kvm, vcpu);
      const after = yield* flags.returned.loadAcquire();
      return { first, after: after === 1, second: yield* lookUp(kvm, vcpu) };
    },
    *ioctl({ kvm, flags }: SmallVm) {
      const result = yield* setUserMemoryRegion(kvm, deletion());
      yield* flags.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'no reader touches a freed slot': never('use after free'),
    'no set is edited under a reader': never('data race'),
  },
  sometimes: {
    'the slot is found first and then gone': ({ results: { vcpu0 } }) =>
      vcpu0.first === 'valid' && vcpu0.second === 'none',
    'the slot is found INVALID': ({ results: { vcpu0 } }) => vcpu0.first === 'INVALID',
  },
});

/** What an exit finds for the frame: it reads the slot while it is inside its section. */
function* lookUp(kvm: Kvm, vcpu: Vcpu): Task<'none' | 'valid' | 'INVALID'> {
  const idx = yield* kvm.srcu.readLock();
  const slot = yield* vcpuGfnToMemslot(vcpu, gfn(GFN));
  const found = slot === null ? 'none' : slot.flags === 0 ? 'valid' : 'INVALID';
  yield* kvm.srcu.readUnlock(idx);
  return found;
}
