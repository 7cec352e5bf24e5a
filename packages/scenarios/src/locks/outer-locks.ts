import { hva, PAGE_SIZE, setUserMemoryRegion } from '@faultline/kvm';
import {
  createIrqchip,
  invalidateRangeEnd,
  invalidateRangeStart,
  irqfdAssign,
  irqfdDeassign,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { type IrqVm, irqVm, LINE } from '../vm/irq-vm.ts';
import { GFN, region, type SmallVm, smallVm } from '../vm/small-vm.ts';
import { addDevice } from '../xen/xen-callers.ts';

/** KVM_CREATE_IRQCHIP goes through three locks to tell every irqfd its route; KVM_IRQFD takes the last of them alone. */
export const irqchipBesideAnIrqfd = scenario('locks/irqchip-waits-for-an-irqfd', {
  title: 'an irqchip is made while an irqfd comes, and each waits for a lock that the other has',
  source: 'kvm_irq_routing_update, kvm_irqfd_assign',
  size: '1 KVM_CREATE_IRQCHIP, 1 KVM_IRQFD that takes down nothing, 1 that assigns',
  *setup() {
    return yield* irqVm({ route: null });
  },
  threads: {
    *irqchip({ kvm }: IrqVm) {
      return yield* createIrqchip(kvm);
    },
    *vmm({ kvm, eventfd }: IrqVm) {
      yield* irqfdDeassign(kvm, eventfd, LINE);
      return yield* irqfdAssign(kvm, eventfd, LINE);
    },
  },
  always: {
    'both ioctls return': never('deadlock'),
    'the irqfd has the route of its line': (_, { irq }) => irq.irqfdsItems?.irqEntry.data.peek() === 1,
  },
  sometimes: {
    'the irqchip is made, and the irqfd is there': ({ results }) =>
      results.irqchip === 0 && results.vmm === 0,
  },
});

/**
 * A device is added with kvm->lock held, and nobody may be inside a section with the old bus by then. A notifier is inside
 * one, and so it takes no lock that a holder of kvm->lock may have.
 */
export const notifierMeetsADevice = scenario('locks/notifier-waits-for-a-device', {
  title: 'the host invalidates a page while a device is added, and each waits for the other',
  source: 'kvm_mmu_notifier_invalidate_range_end, KVM_CREATE_IRQCHIP',
  size: '1 invalidation, 1 device added under kvm->lock',
  *setup() {
    const vm = yield* smallVm({ form: 'modern', tableEntries: 1 });
    yield* setUserMemoryRegion(vm.kvm, region(0, 1, { hostFrame: GFN }));
    return vm;
  },
  threads: {
    *host({ kvm }: SmallVm) {
      yield* invalidateRangeStart(kvm, hva(GFN * PAGE_SIZE), hva((GFN + 1) * PAGE_SIZE));
      yield* invalidateRangeEnd(kvm, hva(GFN * PAGE_SIZE), hva((GFN + 1) * PAGE_SIZE));
      return true;
    },
    *vmm({ kvm }: SmallVm) {
      yield* addDevice(kvm);
      return true;
    },
  },
  always: {
    'both come to an end': never('deadlock'),
  },
  sometimes: {
    'the device is there, and the page is gone': ({ results }) => results.host && results.vmm,
  },
});
