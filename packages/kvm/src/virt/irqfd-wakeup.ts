/**
 * @area locks
 *
 * What an irqfd does when its eventfd calls it, with the lock of the wait queue held: nothing that waits.
 */
import type { Task } from '@faultline/machine';
import { EWOULDBLOCK } from '../errno.ts';
import type { Eventfd } from './eventfd.ts';
import { deliverInAtomic } from './irq-deliver.ts';
import { readIrqEntry } from './irq-routing.ts';
import type { Irqfd, KvmIrq } from './irq-state.ts';
import { queueWork } from './irqfd-work.ts';
import type { Kvm } from './kvm.ts';

/** EPOLLIN: an event. Delivered here if its route allows that, else by the work. @kernel irqfd_wakeup virt/kvm/eventfd.c */
export function* irqfdWakeup(kvm: Kvm, irqfd: Irqfd): Task {
  const irq = kvm.irq as KvmIrq;
  yield* (irqfd.eventfd as Eventfd).count.writeOnce(0);
  const idx = yield* irq.irqSrcu.readLock();
  // Off the list its copy of the route is no longer kept up to date; the work looks the route up.
  const active = (yield* irqfd.active.readOnce()) === 1;
  const result = active ? yield* deliverInAtomic(kvm, yield* readIrqEntry(irqfd)) : -EWOULDBLOCK;
  if (result === -EWOULDBLOCK) yield* queueWork(irq.inject, irqfd);
  yield* irq.irqSrcu.readUnlock(idx);
}

/** EPOLLHUP: the last descriptor is closed. @kernel irqfd_wakeup virt/kvm/eventfd.c */
export function* irqfdHangup(kvm: Kvm, irqfd: Irqfd): Task {
  const irq = kvm.irq as KvmIrq;
  yield* irq.irqfdsLock.lock();
  let active = true;
  // A deassign may have been faster, and owns the rest of its life.
  hangup_checks_active: active = (yield* irqfd.active.readOnce()) === 1;
  if (active) yield* deactivateIrqfd(irq, irqfd);
  yield* irq.irqfdsLock.unlock();
}

/** Off the list; the rest is work, because it waits. Under irqfds.lock. @kernel irqfd_deactivate virt/kvm/eventfd.c */
export function* deactivateIrqfd(irq: KvmIrq, irqfd: Irqfd): Task {
  yield* irqfd.active.writeOnce(0);
  if (irq.irqfdsItems === irqfd) irq.irqfdsItems = irqfd.next;
  for (let other = irq.irqfdsItems; other !== null; other = other.next) {
    if (other.next === irqfd) other.next = irqfd.next;
  }
  yield* queueWork(irq.cleanup, irqfd);
}
