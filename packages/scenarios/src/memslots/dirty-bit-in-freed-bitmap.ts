import { gfn, KVM_MEM_LOG_DIRTY_PAGES, setUserMemoryRegion } from '@faultline/kvm';
import { writeGuest } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { GFN, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * Logging is turned off while KVM writes to guest memory on behalf of a vCPU. The writer found the slot, and with it
 * the dirty bitmap, inside its read section; the bitmap is freed after a grace period, not when the flag changes.
 */
export const dirtyBitInFreedBitmap = scenario('memslots/dirty-bit-in-freed-bitmap', {
  title: 'a dirty bit is set in a bitmap that was freed',
  source: 'kvm_prepare_memory_region',
  size: '1 vCPU, 1 write, logging turned off once, tree form',
  defends: ['memslots.wait_for_readers'],
  *setup() {
    const vm = yield* smallVm({ form: 'modern', tableEntries: 2 });
    yield* setUserMemoryRegion(vm.kvm, region(GFN, 1, { flags: KVM_MEM_LOG_DIRTY_PAGES }));
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: SmallVm) {
      return yield* writeGuest(vcpu, gfn(GFN), 7n);
    },
    *ioctl({ kvm }: SmallVm) {
      return yield* setUserMemoryRegion(kvm, region(GFN, 1));
    },
  },
  always: {
    'no bit is set in a freed bitmap': never('use after free'),
  },
  sometimes: {
    'both succeed': ({ results }) => results.vcpu0 === 0 && results.ioctl === 0,
    'the write lands': (_, { kvm }) => kvm.memory?.content.at(GFN).peek() === 7n,
  },
});
