import { setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { deletion, GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * Deleting a slot: publish it as INVALID, wait for readers, zap, publish the set without it. Zapping first and
 * publishing afterwards would let a fault in between map the slot again, and that mapping would stay for ever.
 */
export const mappingLeftAfterDelete = scenario('memslots/mapping-left-after-delete', {
  title: 'a translation of a deleted slot survives its deletion',
  source: 'set_memory_region_test (delete)',
  size: '1 vCPU, 2 accesses, 1 deletion, tree form',
  defends: ['memslots.zap_invalid_slot', 'memslots.wait_for_readers'],
  *setup() {
    const vm = yield* smallVm({ form: 'modern', vcpuMmioCache: false, tableEntries: 2 });
    yield* setUserMemoryRegion(vm.kvm, region(GFN, 1));
    return vm;
  },
  threads: {
    *vcpu0({ vcpu, flags }: SmallVm) {
      const first = yield* guestRead(vcpu, GPA);
      const after = yield* flags.returned.loadAcquire();
      const second = yield* guestRead(vcpu, GPA);
      return { first: first.via, after: after === 1, second: second.via };
    },
    *ioctl({ kvm, flags }: SmallVm) {
      const result = yield* setUserMemoryRegion(kvm, deletion());
      yield* flags.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'no access that starts after the deletion returned reaches the memory': ({ results: { vcpu0 } }) =>
      !vcpu0.after || vcpu0.second === 'MMIO',
  },
  sometimes: {
    'the memory is there first and then gone': ({ results: { vcpu0 } }) =>
      vcpu0.first === 'RAM' && vcpu0.second === 'MMIO',
  },
});
