import { gpa, type Memslots, PAGE_SIZE, setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { deletion, GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

const MMIO_GPA = gpa(2 * PAGE_SIZE);

/**
 * A guest reads memory and a device while user space adds and removes an unrelated slot, and the stored generation
 * wraps meanwhile. Nothing of that may show. The kernel's memslot_modification_stress_test does this thousands of times.
 */
export const dummySlotChurn = scenario('mmio/dummy-slot-churn', {
  title: 'adding and removing an unrelated slot disturbs the guest',
  source: 'memslot_modification_stress_test',
  size: '1 vCPU, 2 accesses, 1 creation and 1 deletion around the wrap, tree form',
  defends: ['memslots.repeat_edit_in_other_set'],
  *setup() {
    const vm = yield* smallVm({ form: 'modern', tableEntries: 4, vcpuMmioCache: false });
    yield* setUserMemoryRegion(vm.kvm, region(GFN, 1));
    yield* guestRead(vm.vcpu, MMIO_GPA);
    (vm.kvm.memslots.at(0).peek() as Memslots).generation.poke(2 ** 19 - 1);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: SmallVm) {
      const ram = yield* guestRead(vcpu, GPA);
      const device = yield* guestRead(vcpu, MMIO_GPA);
      return { ram: ram.via, device: device.via };
    },
    *ioctl({ kvm }: SmallVm) {
      yield* setUserMemoryRegion(kvm, region(3, 1, { slot: 1 }));
      return yield* setUserMemoryRegion(kvm, deletion(1));
    },
  },
  always: {
    'the memory is always RAM': ({ results: { vcpu0 } }) => vcpu0.ram === 'RAM',
  },
  sometimes: {
    'the device is MMIO': ({ results: { vcpu0 } }) => vcpu0.device === 'MMIO',
  },
});
