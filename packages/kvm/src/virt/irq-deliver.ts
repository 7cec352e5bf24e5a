/** Delivering an interrupt by its route. */
import type { Task } from '@faultline/machine';
import { EINVAL, EWOULDBLOCK } from '../errno.ts';
import { xenSetEvtchn, xenSetEvtchnFast } from '../x86/xen-evtchn.ts';
import type { XenEvtchn } from '../x86/xen-state.ts';
import { getVcpu } from './create-vcpu.ts';
import { type KvmIrq, type Route, RouteType } from './irq-state.ts';
import { acceptIrq } from './kick.ts';
import type { Kvm } from './kvm.ts';

/** A route as it was when it was read. */
export interface RouteCopy {
  readonly type: number;
  readonly address: number;
  readonly data: number;
  readonly xen: XenEvtchn | null;
}

export function* readRoute(route: Route): Task<RouteCopy> {
  return {
    type: yield* route.type.readOnce(),
    address: yield* route.address.readOnce(),
    data: yield* route.data.readOnce(),
    xen: yield* route.xen.readOnce(),
  };
}

/** May sleep, and take locks: not inside irq_srcu. */
export function* deliver(kvm: Kvm, route: RouteCopy): Task<number> {
  if (route.type === RouteType.XEN_EVTCHN) return yield* xenSetEvtchn(kvm, route.xen as XenEvtchn);
  if (route.type === RouteType.NONE) return -EINVAL;
  if (route.type === RouteType.IRQCHIP) yield* ioapicSetIrq(kvm.irq as KvmIrq);
  return yield* toVcpu(kvm, route);
}

/** Never waits: -EWOULDBLOCK for what cannot be done so. @kernel kvm_arch_set_irq_inatomic arch/x86/kvm/irq_comm.c */
export function* deliverInAtomic(kvm: Kvm, route: RouteCopy): Task<number> {
  if (route.type === RouteType.XEN_EVTCHN) return yield* xenSetEvtchnFast(kvm, route.xen as XenEvtchn);
  return route.type === RouteType.MSI ? yield* toVcpu(kvm, route) : -EWOULDBLOCK;
}

function* toVcpu(kvm: Kvm, { address, data }: RouteCopy): Task<number> {
  const vcpu = yield* getVcpu(kvm, address);
  if (vcpu === null) return -EINVAL;
  yield* acceptIrq(vcpu, data);
  return 1;
}

/** @kernel kvm_ioapic_set_irq arch/x86/kvm/ioapic.c */
export function* ioapicSetIrq(irq: KvmIrq): Task {
  yield* irq.ioapicLock.lock();
  irq.ioapicIrr++;
  yield* irq.ioapicLock.unlock();
}
