/**
 * @area xen
 *
 * The table of ports on which a guest may send. A sender looks a record up without a lock, inside kvm->srcu, and uses it
 * until its section ends; the table itself is walked inside RCU. Changes are made under the lock of xen-lock.ts; a record
 * that was taken out is freed after a grace period, for which nobody waits under that lock.
 */
import type { Task } from '@faultline/machine';
import { EEXIST, EINVAL, ENOENT, ENOMEM } from '../errno.ts';
import { kmallocFails } from '../host/kmalloc.ts';
import { eventfdCtxFdget, eventfdCtxPut } from '../virt/eventfd.ts';
import type { Kvm } from '../virt/kvm.ts';
import { idrAlloc, idrEach, idrFind, idrRemove } from './xen-idr.ts';
import { lockXen, unlockXen } from './xen-lock.ts';
import { maxEvtchnPort } from './xen-pages.ts';
import { Evtchnfd, NO_INDEX } from './xen-state.ts';

/** @kernel EVTCHNSTAT_* include/xen/interface/event_channel.h */
export const Evtchnstat = { CLOSED: 0, UNBOUND: 1, INTERDOMAIN: 2, PIRQ: 3, VIRQ: 4, IPI: 5 } as const;
export const KVM_XEN_EVTCHN_DEASSIGN = 1;
export const KVM_XEN_EVTCHN_UPDATE = 2;
export const KVM_XEN_EVTCHN_RESET = 4;

/** KVM_XEN_ATTR_TYPE_EVTCHN. @kernel struct kvm_xen_hvm_attr include/uapi/linux/kvm.h */
export interface EvtchnAttr {
  readonly sendPort: number;
  readonly type: number;
  readonly flags: number;
  /** A port of this VM, 0 for an eventfd; and the id of the vCPU. */
  readonly port: number;
  readonly vcpu: number;
  readonly fd?: number;
}

/** 0 or a negative errno. @kernel kvm_xen_setattr_evtchn arch/x86/kvm/xen.c */
export function* xenSetattrEvtchn(kvm: Kvm, attr: EvtchnAttr): Task<number> {
  if (attr.flags === KVM_XEN_EVTCHN_RESET) return yield* evtchnReset(kvm);
  if (attr.sendPort === 0 || attr.sendPort >= maxEvtchnPort(kvm)) return -EINVAL;
  if (attr.flags === KVM_XEN_EVTCHN_DEASSIGN) return yield* evtchnDeassign(kvm, attr.sendPort);
  if (attr.flags === KVM_XEN_EVTCHN_UPDATE) return yield* evtchnUpdate(kvm, attr);
  return attr.flags !== 0 ? -EINVAL : yield* evtchnAssign(kvm, attr);
}

/** @kernel kvm_xen_eventfd_assign arch/x86/kvm/xen.c */
export function* evtchnAssign(kvm: Kvm, attr: EvtchnAttr): Task<number> {
  const { sendPort, type, port } = attr;
  if (yield* kmallocFails(kvm, 'evtchnfd')) return -ENOMEM;
  if (type !== Evtchnstat.IPI && type !== Evtchnstat.INTERDOMAIN) return -EINVAL;
  if (type === Evtchnstat.IPI && port !== sendPort) return -EINVAL;
  if (port >= maxEvtchnPort(kvm)) return -EINVAL;
  const eventfd = port === 0 ? yield* eventfdCtxFdget(attr.fd ?? 0) : null;
  if (typeof eventfd === 'number') return eventfd;

  const record = Evtchnfd.alloc();
  record.sendPort = sendPort;
  record.type = type;
  record.deliver.port = port;
  record.deliver.vcpuId.poke(attr.vcpu);
  record.deliver.vcpuIdx.poke(NO_INDEX);
  record.eventfd = eventfd;

  assign_holds_the_lock: yield* lockXen(kvm);
  const taken = (yield* idrAlloc(kvm, sendPort, record)) === false;
  assign_holds_the_lock: yield* unlockXen(kvm);
  if (!taken) return 0;
  yield* freeRecord(record);
  return -EEXIST;
}

/**
 * Only the vCPU of a port may change. The record is looked up and written in one section of the lock: nobody can take it
 * out and free it in between.
 *
 * @kernel kvm_xen_eventfd_update arch/x86/kvm/xen.c
 */
export function* evtchnUpdate(kvm: Kvm, attr: EvtchnAttr): Task<number> {
  yield* lockXen(kvm);
  const record = yield* idrFind(kvm, attr.sendPort);
  const result = record === null ? -ENOENT : yield* updateRecord(record, attr);
  yield* unlockXen(kvm);
  return result;
}

export function* updateRecord(record: Evtchnfd, { type, port, vcpu }: EvtchnAttr): Task<number> {
  if (record.type !== type || record.deliver.port === 0 || record.deliver.port !== port) return -EINVAL;
  const { vcpuId, vcpuIdx } = record.deliver;
  if ((yield* vcpuId.readOnce()) !== vcpu) {
    yield* vcpuId.writeOnce(vcpu);
    forget_index_of_vcpu: yield* vcpuIdx.writeOnce(NO_INDEX);
  }
  return 0;
}

/** @kernel kvm_xen_eventfd_deassign arch/x86/kvm/xen.c */
export function* evtchnDeassign(kvm: Kvm, port: number): Task<number> {
  yield* lockXen(kvm);
  const record = yield* idrRemove(kvm, port);
  yield* unlockXen(kvm);
  if (record === null) return -ENOENT;
  // A sender may be using it. Not under the lock, which that sender may be waiting for.
  deassign_waits_for_senders: yield* kvm.srcu.synchronize();
  yield* freeRecord(record);
  return 0;
}

/** @kernel kvm_xen_eventfd_reset arch/x86/kvm/xen.c */
export function* evtchnReset(kvm: Kvm): Task<number> {
  const removed: Evtchnfd[] = [];
  yield* lockXen(kvm);
  for (const port of yield* idrEach(kvm)) removed.push((yield* idrRemove(kvm, port)) as Evtchnfd);
  yield* unlockXen(kvm);
  reset_waits_for_senders: yield* kvm.srcu.synchronize();
  for (const record of removed) yield* freeRecord(record);
  return 0;
}

export function* freeRecord(record: Evtchnfd): Task {
  put_eventfd: if (record.eventfd !== null) yield* eventfdCtxPut(record.eventfd);
  Evtchnfd.free(record);
}
