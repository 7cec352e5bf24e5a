/**
 * @area locks
 *
 * Taking an irqfd down. Whoever finds it on the list takes it off and queues the rest: it waits for readers, for the
 * callback and for the work, none of which may be waited for under a lock that they take.
 */
import type { Task } from '@faultline/machine';
import { type Eventfd, eventfdCtxPut } from './eventfd.ts';
import { Irqfd, type KvmIrq } from './irq-state.ts';
import { removeWaiter } from './irqfd-eventfd.ts';
import { deactivateIrqfd } from './irqfd-wakeup.ts';
import { flushWork, flushWorkqueue, nextWork, workDone } from './irqfd-work.ts';
import type { Kvm } from './kvm.ts';

/** KVM_IRQFD with KVM_IRQFD_FLAG_DEASSIGN: no interrupt of the pair comes once it has returned. @kernel kvm_irqfd_deassign virt/kvm/eventfd.c */
export function* irqfdDeassign(kvm: Kvm, eventfd: Eventfd, gsi: number): Task<number> {
  const irq = kvm.irq as KvmIrq;
  yield* irq.irqfdsLock.lock();
  // The next one is read first: once it is off the list, an irqfd is no longer ours.
  for (let irqfd = irq.irqfdsItems, next = irqfd; irqfd !== null; irqfd = next) {
    next = irqfd.next;
    if (irqfd.eventfd === eventfd && irqfd.gsi === gsi) yield* deactivateIrqfd(irq, irqfd);
  }
  yield* irq.irqfdsLock.unlock();
  deassign_flushes_cleanup: yield* flushWorkqueue(irq.cleanup);
  return 0;
}

/** The file of the VM is closed: every irqfd goes, before the VM does. @kernel kvm_irqfd_release virt/kvm/eventfd.c */
export function* irqfdRelease(kvm: Kvm): Task {
  const irq = kvm.irq as KvmIrq;
  yield* irq.irqfdsLock.lock();
  for (let irqfd = irq.irqfdsItems; irqfd !== null; irqfd = irq.irqfdsItems) {
    yield* deactivateIrqfd(irq, irqfd);
  }
  yield* irq.irqfdsLock.unlock();
  release_flushes_cleanup: yield* flushWorkqueue(irq.cleanup);
}

/** The thread of the cleanup queue. */
export function* irqfdCleanupWorker(kvm: Kvm): Task {
  const irq = kvm.irq as KvmIrq;
  for (;;) {
    const irqfd = yield* nextWork(irq, irq.cleanup);
    if (irqfd === null) return;
    yield* irqfdShutdown(kvm, irqfd);
    yield* workDone(irq.cleanup);
  }
}

/** @kernel irqfd_shutdown virt/kvm/eventfd.c */
export function* irqfdShutdown(kvm: Kvm, irqfd: Irqfd): Task {
  const irq = kvm.irq as KvmIrq;
  // Who assigns it is still using it.
  shutdown_waits_for_assign: yield* irq.irqSrcu.synchronize();
  remove_from_wait_queue: yield* removeWaiter(irqfd);
  // Nobody queues it any more.
  flush_inject_work: yield* flushWork(irq.inject, irqfd);
  const eventfd = irqfd.eventfd as Eventfd;
  Irqfd.free(irqfd);
  yield* eventfdCtxPut(eventfd);
}
