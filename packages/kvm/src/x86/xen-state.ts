/** What KVM keeps for a guest that believes it runs on Xen. The code: the other xen-*.ts files. */
import {
  array,
  type Cell,
  cell32,
  type Elements,
  embed,
  guardedBy,
  kernelName,
  type Mutex,
  mutex,
  ptr,
  ptrCell,
  type StructType,
  struct,
  u32Field,
  type View,
} from '@faultline/machine';
import { Eventfd } from '../virt/eventfd.ts';
import { GfnToPfnCache } from '../virt/pfncache-state.ts';

/** Where an event is to go. @kernel struct kvm_xen_evtchn include/linux/kvm_host.h */
export interface XenEvtchn extends View {
  port: number;
  /** Changed by an update while others send: cells. */
  readonly vcpuId: Cell<number>;
  /** Index of that vCPU once somebody has looked it up; NO_INDEX before. */
  readonly vcpuIdx: Cell<number>;
}

export const XenEvtchn: StructType<XenEvtchn> = struct(
  'kvm_xen_evtchn',
  { port: u32Field, vcpuId: cell32, vcpuIdx: cell32 },
  { as: 'xe' },
);

export const NO_INDEX = 0xffff_ffff;

/** A port that the guest may send on: to a port of its own VM, or to an eventfd. @kernel struct evtchnfd arch/x86/kvm/xen.c */
export interface Evtchnfd extends View {
  sendPort: number;
  type: number;
  readonly deliver: XenEvtchn;
  /** Instead of `deliver`, whose port is 0 then. */
  eventfd: Eventfd | null;
}

export const Evtchnfd: StructType<Evtchnfd> = struct(
  'evtchnfd',
  {
    sendPort: u32Field,
    type: u32Field,
    deliver: embed(XenEvtchn),
    eventfd: ptr((): StructType<Eventfd> => Eventfd),
  },
  { as: 'evtchnfd' },
);

/** Ports of the largest model: see xen-ports.ts. */
export const MAX_PORTS = 16;

/** A node of the table of ports: walked without a lock, freed after a grace period of RCU. @kernel struct xa_node include/linux/xarray.h */
export interface IdrNode extends View {
  readonly slots: Elements<Cell<Evtchnfd | null>>;
  used: number;
  rcuNext: IdrNode | null;
}

export const IdrNode: StructType<IdrNode> = struct(
  'xa_node',
  {
    slots: array(
      ptrCell((): StructType<Evtchnfd> => Evtchnfd),
      MAX_PORTS,
    ),
    used: u32Field,
    rcuNext: ptr((): StructType<IdrNode> => IdrNode),
  },
  { as: 'node' },
);

/** Of a VM. @kernel struct kvm_xen arch/x86/include/asm/kvm_host.h */
export interface KvmXen extends View {
  /** A leaf below vcpu->mutex, taken even inside kvm->srcu: nobody waits for readers or vCPUs while he holds it. */
  readonly xenLock: Mutex;
  /** 1: kvm->lock plays its part, as before 310bc39546. */
  usesKvmLock: number;
  longMode: number;
  shinfoCache: GfnToPfnCache | null;
  /** Root of the table of ports; null while it is empty. */
  readonly evtchnPorts: Cell<IdrNode | null>;
  /** Nodes that are freed after a grace period. */
  rcuNodes: IdrNode | null;
}

export const KvmXen: StructType<KvmXen> = struct(
  'kvm_xen',
  {
    xenLock: kernelName('arch.xen.xen_lock', mutex),
    usesKvmLock: u32Field,
    longMode: kernelName('arch.xen.long_mode', u32Field),
    shinfoCache: kernelName(
      'arch.xen.shinfo_cache',
      ptr((): StructType<GfnToPfnCache> => GfnToPfnCache),
    ),
    evtchnPorts: kernelName(
      'arch.xen.evtchn_ports',
      ptrCell((): StructType<IdrNode> => IdrNode),
    ),
    rcuNodes: guardedBy(
      ptr((): StructType<IdrNode> => IdrNode),
      'kvm->arch.xen.xen_lock',
      'kvm->lock',
    ),
  },
  { as: 'kvm' },
);

/** Of a vCPU. @kernel struct kvm_vcpu_xen arch/x86/include/asm/kvm_host.h */
export interface VcpuXen extends View {
  vcpuInfoCache: GfnToPfnCache | null;
  /** Words with pending ports that could not be noted in the guest's vcpu_info yet. */
  readonly evtchnPendingSel: Cell<number>;
  /** Vector of the local APIC that says "upcall"; 0: none. */
  upcallVector: number;
  /** Port and vCPU of its timer; port 0: none. */
  timerPort: number;
  /** Times that the timer has fired since the vCPU last looked. */
  readonly timerPending: Cell<number>;
  /** The port that it polls, plus 1, while it sleeps in SCHEDOP_poll; 0: none. */
  readonly polling: Cell<number>;
}

export const VcpuXen: StructType<VcpuXen> = struct(
  'kvm_vcpu_xen',
  {
    vcpuInfoCache: kernelName(
      'arch.xen.vcpu_info_cache',
      ptr((): StructType<GfnToPfnCache> => GfnToPfnCache),
    ),
    evtchnPendingSel: kernelName('arch.xen.evtchn_pending_sel', cell32),
    upcallVector: kernelName('arch.xen.upcall_vector', u32Field),
    timerPort: kernelName('arch.xen.timer_virq', u32Field),
    timerPending: kernelName('arch.xen.timer_pending', cell32),
    polling: kernelName('arch.xen.poll_evtchn', cell32),
  },
  { as: 'vcpu' },
);
