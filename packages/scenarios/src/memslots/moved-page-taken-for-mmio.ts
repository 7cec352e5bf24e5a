import { setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * A slot of two pages is moved by one page: the frame in the middle belongs to it before and after. While the move is
 * under way the slot is INVALID. An exit that finds it so tries again; taking "invalid" for "none" would turn RAM into
 * MMIO for a moment, with a user space that never asked for that.
 *
 * The kernel's set_memory_region_test moves a region under a running guest in the same way.
 */
export const movedPageTakenForMmio = scenario('memslots/moved-page-taken-for-mmio', {
  title: 'a frame that stays RAM is emulated as MMIO while its slot moves',
  source: 'set_memory_region_test (move)',
  size: '1 vCPU, 1 access, 1 move, tree form',
  defends: ['memslots.zap_invalid_slot', 'mmio.retry_invalid_slot'],
  *setup() {
    const vm = yield* smallVm({ form: 'modern', vcpuMmioCache: false, tableEntries: 3 });
    yield* setUserMemoryRegion(vm.kvm, region(0, 2, { hostFrame: 4 }));
    vm.kvm.memory?.content.at(4).poke(0xa4n);
    vm.kvm.memory?.content.at(5).poke(0xa5n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu, flags }: SmallVm) {
      const first = yield* guestRead(vcpu, GPA);
      const after = yield* flags.returned.loadAcquire();
      const second = yield* guestRead(vcpu, GPA);
      return { first, after: after === 1, second };
    },
    *ioctl({ kvm, flags }: SmallVm) {
      const result = yield* setUserMemoryRegion(kvm, region(GFN, 2, { hostFrame: 4 }));
      yield* flags.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'the frame is never taken for MMIO': ({ results: { vcpu0 } }) =>
      vcpu0.first.via === 'RAM' && vcpu0.second.via === 'RAM',
    'an access that starts after the move reads the page that is there now': ({ results: { vcpu0 } }) =>
      !vcpu0.after || vcpu0.second.value === 0xa4n,
  },
  sometimes: {
    'the access before the move reads the other page': ({ results: { vcpu0 } }) =>
      vcpu0.first.value === 0xa5n && vcpu0.second.value === 0xa4n,
  },
});
