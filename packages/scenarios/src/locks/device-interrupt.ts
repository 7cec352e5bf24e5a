import { type Eventfd, openEventfd, pfn } from '@faultline/kvm';
import {
  fput,
  irqfdAssign,
  irqfdDeassign,
  type KvmIrq,
  migratePage,
  RouteType,
  setIrqRouting,
  vfioMsihandler,
} from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { type IrqVm, irqVm, LINE, vectors } from '../vm/irq-vm.ts';
import { delivered, eventFor, hvaOfPage, PORT, SHARED_INFO, type XenVm, xenVm } from '../vm/xen-vm.ts';

interface XenIrq extends XenVm {
  readonly irq: KvmIrq;
  readonly eventfd: Eventfd;
}

/** What cannot be delivered in the interrupt is done by a work item, which may sleep. */
const leftToTheWork = ({ irq }: { readonly irq: KvmIrq }): boolean => irq.inject.pending.peek() !== null;

/**
 * drivers/vfio/pci/vfio_pci_intrs.c vfio_msihandler(), virt/kvm/eventfd.c irqfd_wakeup().
 *
 * The interrupt of a device that the guest owns is an event of it, delivered where it arrives: with interrupts off, on top
 * of any task of any VM. So whatever lock the delivery takes, every task takes with interrupts off.
 */
export const deviceInterruptLost = scenario('locks/interrupt-of-a-device-lost', {
  title: 'a device raises its interrupt while the host moves the page in which it is to be noted',
  source: 'vfio_msihandler, irqfd_wakeup, kvm_xen_set_evtchn_fast',
  size: '1 interrupt of a device, 1 migration of shared_info',
  defends: ['xen.invalidate_cache'],
  *setup() {
    const xen = yield* xenVm({ irq: true });
    const { kvm } = xen;
    const vm = { ...xen, irq: kvm.irq as KvmIrq, eventfd: openEventfd() };
    yield* setIrqRouting(kvm, [{ gsi: LINE, type: RouteType.XEN_EVTCHN, xen: eventFor(PORT) }]);
    yield* irqfdAssign(kvm, vm.eventfd, LINE);
    return vm;
  },
  threads: {
    *device({ kvm, eventfd }: XenIrq) {
      yield* vfioMsihandler(kvm, eventfd);
    },
    *host({ kvm }: XenIrq) {
      return yield* migratePage(kvm, hvaOfPage(SHARED_INFO), pfn(2));
    },
  },
  always: {
    'the guest finds the event, or it is left to the work': (_, vm) => delivered(vm) || leftToTheWork(vm),
  },
  sometimes: {
    'the page moves after it': ({ results }, vm) => results.host !== null && delivered(vm),
    'the page has gone': (_, vm) => leftToTheWork(vm),
  },
});

const OTHER_LINE = 1;

/** The VMM takes down an irqfd that is not there, and closes the eventfd of one that is, while the device raises its interrupt. */
export const deviceInterruptAtClose = scenario('locks/interrupt-of-a-device-as-its-irqfd-goes', {
  title: 'a device raises its interrupt while its irqfd goes',
  source: 'vfio_msihandler, irqfd_wakeup',
  size: '1 interrupt of a device, 1 deassignment and 1 close',
  *setup() {
    const vm = yield* irqVm();
    yield* irqfdAssign(vm.kvm, vm.eventfd, LINE);
    return vm;
  },
  threads: {
    *device({ kvm, eventfd }: IrqVm) {
      yield* vfioMsihandler(kvm, eventfd);
    },
    *vmm({ kvm, eventfd }: IrqVm) {
      yield* irqfdDeassign(kvm, eventfd, OTHER_LINE);
      yield* fput(kvm, eventfd);
    },
  },
  always: {
    'the event is an interrupt, or is left to the work': (_, vm) =>
      vectors(vm.vcpu) !== 0 || leftToTheWork(vm),
  },
  sometimes: {
    'it is an interrupt': (_, { vcpu }) => vectors(vcpu) !== 0,
    'the work will find that nobody wants it': (_, vm) => leftToTheWork(vm),
  },
});
