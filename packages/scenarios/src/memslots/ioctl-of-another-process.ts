import { setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

const EIO = 5;
/** The mm of a child that inherited the VM's file descriptor. */
const CHILD = 2;

/**
 * A forked child inherits the VM's file descriptor. A slot that it made would name addresses of its own mm, while the
 * MMU notifiers of the VM watch the parent's: nobody would tell KVM when such a page goes away. The ioctl is refused.
 */
export const ioctlOfAnotherProcess = scenario('memslots/ioctl-of-another-process', {
  title: 'a process that did not create the VM changes its slots',
  source: '6d4e4c4fca5b',
  size: '1 vCPU, 1 access, 1 ioctl by a child',
  defends: ['memslots.refuse_foreign_mm'],
  *setup() {
    return yield* smallVm({ form: 'modern', tableEntries: 2 });
  },
  threads: {
    *vcpu0({ vcpu }: SmallVm) {
      return (yield* guestRead(vcpu, GPA)).via;
    },
    *child({ kvm }: SmallVm) {
      return yield* setUserMemoryRegion(kvm, region(GFN, 1), CHILD);
    },
  },
  always: {
    'the child gets -EIO': ({ results }) => results.child === -EIO,
    'the guest never sees memory of the child': ({ results }) => results.vcpu0 === 'MMIO',
  },
  sometimes: {
    'both return': ({ results }) => results.child === -EIO && results.vcpu0 === 'MMIO',
  },
});
