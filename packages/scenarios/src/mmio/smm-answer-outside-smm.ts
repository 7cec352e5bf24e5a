import { setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * In system management mode a vCPU looks frames up in another address space. What it caches there must not answer
 * outside: the two spaces start from different generations and both step by two, so that no generation belongs to both.
 */
export const smmAnswerOutsideSmm = scenario('mmio/smm-answer-outside-smm', {
  title: 'an MMIO answer cached in SMM is used outside',
  source: '4bd518f1598d',
  size: '1 vCPU, 2 accesses, 1 update of the other space, 2 address spaces',
  defends: [],
  *setup() {
    const vm = yield* smallVm({ form: 'modern', addressSpaces: 2 });
    // An MMIO SPTE from before the slot stays in the table, out of date.
    yield* guestRead(vm.vcpu, GPA);
    yield* setUserMemoryRegion(vm.kvm, region(GFN, 1));
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: SmallVm) {
      vcpu.smm = 1;
      const inside = yield* guestRead(vcpu, GPA);
      vcpu.smm = 0;
      const outside = yield* guestRead(vcpu, GPA);
      return { inside: inside.via, outside: outside.via };
    },
    *ioctl({ kvm }: SmallVm) {
      return yield* setUserMemoryRegion(kvm, region(3, 1, { slot: (1 << 16) | 1 }));
    },
  },
  always: {
    'outside SMM the frame is RAM': ({ results: { vcpu0 } }) => vcpu0.outside === 'RAM',
  },
  sometimes: {
    'in SMM it is MMIO': ({ results: { vcpu0 } }) => vcpu0.inside === 'MMIO',
  },
});
