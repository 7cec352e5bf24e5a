/**
 * @area locks
 *
 * irqfd: an event of an eventfd becomes an interrupt of the guest. Assigning, and the work for events that cannot be
 * delivered where they happen. Events are in irqfd-wakeup.ts, taking one down again in irqfd-shutdown.ts.
 */
import type { Task } from '@faultline/machine';
import { EBADF, EBUSY } from '../errno.ts';
import type { Eventfd } from './eventfd.ts';
import { irqfdUpdate, kvmSetIrq } from './irq-routing.ts';
import { Irqfd, type KvmIrq } from './irq-state.ts';
import { fget, fput, lockWaitQueue, unlockWaitQueue } from './irqfd-eventfd.ts';
import { nextWork, queueWork, workDone } from './irqfd-work.ts';
import type { Kvm } from './kvm.ts';

/** KVM_IRQFD: 0, -EBADF for a descriptor that is closed, or -EBUSY. The file is held till the end. @kernel kvm_irqfd_assign virt/kvm/eventfd.c */
export function* irqfdAssign(kvm: Kvm, eventfd: Eventfd, gsi: number): Task<number> {
  const irq = kvm.irq as KvmIrq;
  if (!(yield* fget(eventfd))) return -EBADF;
  const irqfd = Irqfd.alloc();
  irqfd.gsi = gsi;
  irqfd.eventfd = eventfd;
  yield* eventfd.kref.fetchAdd(1);
  // From the moment it is on the list somebody may take it down; not before this section has ended.
  const idx = yield* irq.irqSrcu.readLock();
  const added = yield* addIrqfd(irq, irqfd);
  if (added) {
    const pending = yield* pollEventfd(irqfd);
    // An event from before: nobody was called for it.
    inject_what_was_pending: if (pending) yield* queueWork(irq.inject, irqfd);
  } else {
    Irqfd.free(irqfd);
    yield* eventfd.kref.fetchAdd(-1);
  }
  yield* irq.irqSrcu.readUnlock(idx);
  yield* fput(kvm, eventfd);
  return added ? 0 : -EBUSY;
}

/** On the list with its route, in one section of irqfds.lock: an update of the routes finds it, or was before. False if the eventfd is there already. */
export function* addIrqfd(irq: KvmIrq, irqfd: Irqfd): Task<boolean> {
  yield* irq.irqfdsLock.lock();
  for (let other = irq.irqfdsItems; other !== null; other = other.next) {
    if (other.eventfd !== irqfd.eventfd) continue;
    yield* irq.irqfdsLock.unlock();
    return false;
  }
  yield* irqfdUpdate(irq, irqfd);
  yield* linkIrqfd(irq, irqfd);
  yield* irq.irqfdsLock.unlock();
  return true;
}

export function* linkIrqfd(irq: KvmIrq, irqfd: Irqfd): Task {
  irqfd.next = irq.irqfdsItems;
  irq.irqfdsItems = irqfd;
  yield* irqfd.active.writeOnce(1);
}

/** We are called for its events from here on; returns whether there was one. @kernel vfs_poll include/linux/poll.h */
export function* pollEventfd(irqfd: Irqfd): Task<boolean> {
  const eventfd = irqfd.eventfd as Eventfd;
  yield* lockWaitQueue(eventfd);
  const first = eventfd.waiter;
  irqfd.waitNext = first === 0 ? null : Irqfd.at(first);
  eventfd.waiter = irqfd.addr;
  const count = yield* eventfd.count.readOnce();
  yield* unlockWaitQueue(eventfd);
  return count !== 0;
}

/** The work of an irqfd: holds nothing. @kernel irqfd_inject virt/kvm/eventfd.c */
export function* irqfdInjectWorker(kvm: Kvm): Task {
  const irq = kvm.irq as KvmIrq;
  for (;;) {
    const irqfd = yield* nextWork(irq, irq.inject);
    if (irqfd === null) return;
    yield* kvmSetIrq(kvm, irqfd.gsi);
    yield* workDone(irq.inject);
  }
}
