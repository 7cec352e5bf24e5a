import { KVM_MEM_LOG_DIRTY_PAGES, setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * A move that also turns logging on needs two allocations, the second after the slot was published as INVALID. If that
 * one fails the good slot comes back, and nothing has changed: an ioctl that returns an error had no effect.
 */
export const failedUpdateLosesSlot = scenario('memslots/failed-update-loses-slot', {
  title: 'an update that fails half way leaves the slot INVALID',
  source: 'kvm_set_memslot, error path',
  size: '1 vCPU, 1 access, 1 move whose allocations may fail, tree form',
  defends: [],
  *setup() {
    const vm = yield* smallVm({ form: 'modern', vcpuMmioCache: false, tableEntries: 3 });
    yield* setUserMemoryRegion(vm.kvm, region(0, 2, { hostFrame: 4 }));
    vm.kvm.config.allocMayFail = 1;
    return vm;
  },
  threads: {
    *vcpu0({ vcpu, flags }: SmallVm) {
      const after = yield* flags.returned.loadAcquire();
      return { after, via: (yield* guestRead(vcpu, GPA)).via };
    },
    *ioctl({ kvm, flags }: SmallVm) {
      const moved = region(GFN, 2, { hostFrame: 4, flags: KVM_MEM_LOG_DIRTY_PAGES });
      const result = yield* setUserMemoryRegion(kvm, moved);
      yield* flags.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'the frame in both places is RAM whether the move succeeds or fails': ({ results }) =>
      results.vcpu0.via === 'RAM',
    'no slot is freed while it can be found': never('use after free'),
  },
  sometimes: {
    'the move succeeds': ({ results }) => results.ioctl === 0,
    'the move fails after the slot was INVALID': ({ results }, { kvm }) =>
      results.ioctl === -12 && (kvm.memslots.at(0).peek()?.generation.peek() ?? 0) === 3,
  },
});
