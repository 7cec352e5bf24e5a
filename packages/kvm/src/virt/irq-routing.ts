/**
 * @area locks
 *
 * Where the interrupt lines of a VM lead. Whoever delivers copies the route inside a section of irq_srcu and delivers
 * after it; an update publishes another table and waits for such sections, with irq_lock dropped. Each irqfd has a copy
 * of its own route, which the update refreshes before it lets irq_lock go.
 */
import { bugOn, smpMbAfterAtomic, type Task } from '@faultline/machine';
import { EINVAL } from '../errno.ts';
import type { XenEvtchn } from '../x86/xen-state.ts';
import { deliver, type RouteCopy, readRoute } from './irq-deliver.ts';
import { type Irqfd, IrqRoutingTable, type KvmIrq, MAX_GSI, type Route, RouteType } from './irq-state.ts';
import type { Kvm } from './kvm.ts';

/** @kernel struct kvm_irq_routing_entry include/uapi/linux/kvm.h */
export interface RoutingEntry {
  readonly gsi: number;
  readonly type: number;
  readonly address?: number;
  readonly data?: number;
  readonly xen?: XenEvtchn;
}

/** KVM_SET_GSI_ROUTING: 0 or a negative errno. Without kvm->lock. @kernel kvm_set_irq_routing virt/kvm/irqchip.c */
export function* setIrqRouting(kvm: Kvm, entries: readonly RoutingEntry[]): Task<number> {
  const irq = kvm.irq as KvmIrq;
  if (entries.some(({ gsi }) => gsi >= MAX_GSI)) return -EINVAL;
  const table = buildTable(entries);
  const old = yield* publishTable(kvm, table);
  // With irq_lock dropped: a reader may be waiting for it.
  routing_waits_for_readers: yield* irq.irqSrcu.synchronize();
  if (old !== null) IrqRoutingTable.free(old);
  return 0;
}

/** Returns the table from before, which readers may still be using. */
export function* publishTable(kvm: Kvm, table: IrqRoutingTable): Task<IrqRoutingTable | null> {
  const irq = kvm.irq as KvmIrq;
  routing_holds_irq_lock: yield* irq.irqLock.lock();
  const old = yield* irq.irqRouting.readOnce();
  yield* irq.irqRouting.assign(table);
  refresh_irqfds: yield* irqRoutingUpdate(kvm);
  routing_holds_irq_lock: yield* irq.irqLock.unlock();
  return old;
}

export function buildTable(entries: readonly RoutingEntry[]): IrqRoutingTable {
  const table = IrqRoutingTable.alloc();
  for (const { gsi, type, address = 0, data = 0, xen = null } of entries) {
    const route = table.map.at(gsi);
    route.type.poke(type);
    route.address.poke(address);
    route.data.poke(data);
    route.xen.poke(xen);
  }
  return table;
}

/** Every irqfd gets its route of the new table. Under irq_lock. @kernel kvm_irq_routing_update virt/kvm/eventfd.c */
export function* irqRoutingUpdate(kvm: Kvm): Task {
  const irq = kvm.irq as KvmIrq;
  yield* irq.irqfdsLock.lock();
  for (let irqfd = irq.irqfdsItems; irqfd !== null; irqfd = irqfd.next) yield* irqfdUpdate(irq, irqfd);
  yield* irq.irqfdsLock.unlock();
}

/** Copies the route of its line to an irqfd. Under irqfds.lock. @kernel irqfd_update virt/kvm/eventfd.c */
export function* irqfdUpdate(irq: KvmIrq, irqfd: Irqfd): Task {
  const table = yield* irq.irqRouting.rcuDereference();
  const route = table === null ? NO_ROUTE : yield* readRoute(table.map.at(irqfd.gsi));
  // Odd while the copy is neither the old nor the new.
  count_route_change: yield* irqfd.irqEntrySc.fetchAdd(1);
  yield* writeRoute(irqfd.irqEntry, route);
  count_route_change: yield* irqfd.irqEntrySc.fetchAdd(1);
}

const NO_ROUTE: RouteCopy = { type: RouteType.NONE, address: 0, data: 0, xen: null };

function* writeRoute(to: Route, { type, address, data, xen }: RouteCopy): Task {
  yield* to.type.writeOnce(type);
  yield* to.address.writeOnce(address);
  yield* to.data.writeOnce(data);
  yield* to.xen.writeOnce(xen);
}

/** The copy of an irqfd, whole. Never waits long: who changes it spins. @kernel irqfd_wakeup virt/kvm/eventfd.c */
export function* readIrqEntry(irqfd: Irqfd): Task<RouteCopy> {
  for (;;) {
    const seq = yield* irqfd.irqEntrySc.loadAcquire();
    if (seq % 2 === 1) {
      yield* irqfd.irqEntrySc.awaitDiffers(seq);
      continue;
    }
    const route = yield* readRoute(irqfd.irqEntry);
    yield* smpMbAfterAtomic();
    if ((yield* irqfd.irqEntrySc.readOnce()) === seq) return route;
  }
}

/** Raises a line. Sleeps. 1 if delivered, else a negative errno. @kernel kvm_set_irq virt/kvm/irqchip.c */
export function* kvmSetIrq(kvm: Kvm, gsi: number): Task<number> {
  const irq = kvm.irq as KvmIrq;
  const idx = yield* irq.irqSrcu.readLock();
  const route = yield* routeOf(irq, gsi);
  // Whoever delivers may wait for a lock, whose holder may wait for this section.
  yield* irq.irqSrcu.readUnlock(idx);
  return yield* deliver(kvm, route);
}

/** Inside irq_srcu. */
export function* routeOf(irq: KvmIrq, gsi: number): Task<RouteCopy> {
  const table = yield* irq.irqRouting.rcuDereference();
  bugOn(table === null, 'NULL pointer dereference in kvm_irq_map_gsi()');
  return yield* readRoute((table as IrqRoutingTable).map.at(gsi));
}
