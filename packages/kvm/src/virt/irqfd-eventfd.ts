/** The eventfd's side of an irqfd: its wait queue, and its end. */
import type { Task } from '@faultline/machine';
import type { Eventfd } from './eventfd.ts';
import { Irqfd } from './irq-state.ts';
import { irqfdHangup, irqfdWakeup } from './irqfd-wakeup.ts';
import type { Kvm } from './kvm.ts';

/** Somebody writes to the descriptor: whoever waits is called at once. @kernel eventfd_write fs/eventfd.c */
export function* eventfdWrite(kvm: Kvm, eventfd: Eventfd): Task {
  yield* lockWaitQueue(eventfd);
  yield* eventfd.count.fetchAdd(1);
  for (let irqfd = firstWaiter(eventfd); irqfd !== null; irqfd = irqfd.waitNext) {
    yield* irqfdWakeup(kvm, irqfd);
  }
  yield* unlockWaitQueue(eventfd);
}

/** The interrupt of a device that a VM owns, on whichever CPU takes it, on top of whatever runs there. @kernel vfio_msihandler drivers/vfio/pci/vfio_pci_intrs.c */
export function* vfioMsihandler(kvm: Kvm, eventfd: Eventfd): Task {
  yield* eventfdWrite(kvm, eventfd);
}

/** Holds the file of a descriptor; false if it is closed. @kernel fget fs/file.c */
export function* fget(eventfd: Eventfd): Task<boolean> {
  for (;;) {
    const refs = yield* eventfd.fileRefs.readOnce();
    if (refs === 0) return false;
    if ((yield* eventfd.fileRefs.cmpxchg(refs, refs + 1)) === refs) return true;
  }
}

/** One that holds the file lets go of it; with the last one it is closed. @kernel eventfd_release fs/eventfd.c */
export function* fput(kvm: Kvm, eventfd: Eventfd): Task {
  if ((yield* eventfd.fileRefs.fetchAdd(-1)) !== 1) return;
  yield* lockWaitQueue(eventfd);
  for (let irqfd = firstWaiter(eventfd); irqfd !== null; irqfd = irqfd.waitNext) {
    yield* irqfdHangup(kvm, irqfd);
  }
  yield* unlockWaitQueue(eventfd);
}

/** Nobody is in the irqfd's callback when it returns, or will be. @kernel eventfd_ctx_remove_wait_queue fs/eventfd.c */
export function* removeWaiter(irqfd: Irqfd): Task {
  const eventfd = irqfd.eventfd as Eventfd;
  yield* lockWaitQueue(eventfd);
  const first = firstWaiter(eventfd);
  if (first === irqfd) eventfd.waiter = irqfd.waitNext?.addr ?? 0;
  for (let other = first; other !== null; other = other.waitNext) {
    if (other.waitNext === irqfd) other.waitNext = irqfd.waitNext;
  }
  yield* unlockWaitQueue(eventfd);
}

export function* lockWaitQueue(eventfd: Eventfd): Task {
  yield* eventfd.wqhLock.lock();
}

export function* unlockWaitQueue(eventfd: Eventfd): Task {
  yield* eventfd.wqhLock.unlock();
}

function firstWaiter(eventfd: Eventfd): Irqfd | null {
  return eventfd.waiter === 0 ? null : Irqfd.at(eventfd.waiter);
}
