/** What interrupt routing is made of. The code: irq-routing.ts, irqfd*.ts, irq-ack.ts, irqchip.ts. */
import {
  array,
  type Cell,
  cell32,
  type Elements,
  embed,
  guardedBy,
  irqsOff,
  kernelName,
  type Mutex,
  mutex,
  ptr,
  ptrCell,
  type SpinLock,
  type Srcu,
  type StructType,
  spinlock,
  srcu,
  struct,
  u32Field,
  type View,
  writeGuardedBy,
} from '@faultline/machine';
import { XenEvtchn } from '../x86/xen-state.ts';
import { Eventfd } from './eventfd.ts';

/** Interrupt lines of the model; 4096 on hardware. @kernel KVM_MAX_IRQ_ROUTES include/linux/kvm_host.h */
export const MAX_GSI = 2;

/** How an interrupt is delivered. An I/O APIC pin needs a lock that may not be taken everywhere. */
export const RouteType = { NONE: 0, IRQCHIP: 1, MSI: 2, XEN_EVTCHN: 3 } as const;

/** A route: an MSI goes to the vCPU of its address, with the vector of its data. @kernel struct kvm_kernel_irq_routing_entry include/linux/kvm_host.h */
export interface Route extends View {
  readonly type: Cell<number>;
  readonly address: Cell<number>;
  readonly data: Cell<number>;
  /** For an event channel. */
  readonly xen: Cell<XenEvtchn | null>;
}

export const Route: StructType<Route> = struct(
  'kvm_kernel_irq_routing_entry',
  {
    type: cell32,
    address: kernelName('msi.address_lo', cell32),
    data: kernelName('msi.data', cell32),
    xen: kernelName(
      'xen_evtchn',
      ptrCell((): StructType<XenEvtchn> => XenEvtchn),
    ),
  },
  { as: 'e' },
);

/** Immutable once it is published. One route a line at most. @kernel struct kvm_irq_routing_table include/linux/kvm_host.h */
export interface IrqRoutingTable extends View {
  readonly map: Elements<Route>;
}

export const IrqRoutingTable: StructType<IrqRoutingTable> = struct(
  'kvm_irq_routing_table',
  { map: array(embed(Route), MAX_GSI) },
  { as: 'irq_rt' },
);

/** An eventfd whose events are an interrupt of the guest. @kernel struct kvm_kernel_irqfd include/linux/kvm_irqfd.h */
export interface Irqfd extends View {
  gsi: number;
  eventfd: Eventfd | null;
  /** A copy of the line's route, and the count that says whether it is being changed. */
  readonly irqEntry: Route;
  readonly irqEntrySc: Cell<number>;
  /** On the list of the VM, and the next one there. */
  readonly active: Cell<number>;
  next: Irqfd | null;
  /** The next waiter of the same eventfd. */
  waitNext: Irqfd | null;
}

const IRQFDS_LOCK = 'kvm->irqfds.lock';

export const Irqfd: StructType<Irqfd> = struct(
  'kvm_kernel_irqfd',
  {
    gsi: u32Field,
    eventfd: ptr((): StructType<Eventfd> => Eventfd),
    irqEntry: embed(Route),
    irqEntrySc: cell32,
    active: cell32,
    next: guardedBy(
      kernelName(
        'list.next',
        ptr((): StructType<Irqfd> => Irqfd),
      ),
      IRQFDS_LOCK,
    ),
    waitNext: guardedBy(
      kernelName(
        'wait.next',
        ptr((): StructType<Irqfd> => Irqfd),
      ),
      'ctx->wqh.lock',
    ),
  },
  { as: 'irqfd' },
);

/** Work on one irqfd at a time: what is queued, and what runs. @kernel struct workqueue_struct kernel/workqueue.c */
export interface IrqfdQueue extends View {
  readonly pending: Cell<Irqfd | null>;
  readonly current: Cell<Irqfd | null>;
}

export const IrqfdQueue: StructType<IrqfdQueue> = struct(
  'workqueue_struct',
  {
    pending: ptrCell((): StructType<Irqfd> => Irqfd),
    current: ptrCell((): StructType<Irqfd> => Irqfd),
  },
  { as: 'wq' },
);

/** Somebody who is called when the guest has acknowledged an interrupt. @kernel struct kvm_irq_ack_notifier include/linux/kvm_host.h */
export interface AckNotifier extends View {
  gsi: number;
  /** What it does: see irq-ack.ts. */
  action: number;
  readonly calls: Cell<number>;
  readonly link: Cell<AckNotifier | null>;
}

export const AckNotifier: StructType<AckNotifier> = struct(
  'kvm_irq_ack_notifier',
  {
    gsi: u32Field,
    action: u32Field,
    calls: cell32,
    link: ptrCell((): StructType<AckNotifier> => AckNotifier),
  },
  { as: 'kian' },
);

/** Of a VM; part of struct kvm in the kernel. */
export interface KvmIrq extends View {
  /** Below kvm->lock. Not held while readers are waited for. */
  readonly irqLock: Mutex;
  readonly irqRouting: Cell<IrqRoutingTable | null>;
  readonly irqSrcu: Srcu;
  /** Inside irq_lock, and inside the lock of an eventfd's wait queue. */
  readonly irqfdsLock: SpinLock;
  irqfdsItems: Irqfd | null;
  readonly ackNotifiers: Cell<AckNotifier | null>;
  readonly irqchipMode: Cell<number>;
  readonly ioapicLock: SpinLock;
  /** Times that the line of the I/O APIC was changed. */
  ioapicIrr: number;
  readonly inject: IrqfdQueue;
  readonly cleanup: IrqfdQueue;
  /** Threads that may still queue work: the workers stop when there is none. */
  readonly actors: Cell<number>;
}

export const KvmIrq: StructType<KvmIrq> = struct(
  'kvm_irq',
  {
    irqLock: mutex,
    irqRouting: writeGuardedBy(
      ptrCell((): StructType<IrqRoutingTable> => IrqRoutingTable),
      'kvm->irq_lock',
    ),
    irqSrcu: srcu,
    irqfdsLock: kernelName('irqfds.lock', irqsOff(spinlock)),
    irqfdsItems: guardedBy(
      kernelName(
        'irqfds.items',
        ptr((): StructType<Irqfd> => Irqfd),
      ),
      IRQFDS_LOCK,
    ),
    ackNotifiers: kernelName(
      'irq_ack_notifier_list',
      ptrCell((): StructType<AckNotifier> => AckNotifier),
    ),
    irqchipMode: kernelName('arch.irqchip_mode', cell32),
    ioapicLock: kernelName('arch.vioapic.lock', spinlock),
    ioapicIrr: guardedBy(kernelName('arch.vioapic.irr', u32Field), 'kvm->arch.vioapic.lock'),
    inject: kernelName('irqfd_inject_work', embed(IrqfdQueue)),
    cleanup: kernelName('irqfd_cleanup_wq', embed(IrqfdQueue)),
    actors: cell32,
  },
  { as: 'kvm' },
);
