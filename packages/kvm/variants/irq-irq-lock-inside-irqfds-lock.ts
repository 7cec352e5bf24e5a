/** An irqfd joins the list with irq_lock held, so that the routes do not change meanwhile: inside irqfds.lock. */
import type { Task } from '@faultline/machine';
import { irqfdUpdate } from '../src/virt/irq-routing.ts';
import type { Irqfd, KvmIrq } from '../src/virt/irq-state.ts';
import { linkIrqfd } from '../src/virt/irqfd.ts';

/** @replaces packages/kvm/src/virt/irqfd.ts#addIrqfd 742f981e */
export function* addIrqfd(irq: KvmIrq, irqfd: Irqfd): Task<boolean> {
  yield* irq.irqfdsLock.lock();
  for (let other = irq.irqfdsItems; other !== null; other = other.next) {
    if (other.eventfd !== irqfd.eventfd) continue;
    yield* irq.irqfdsLock.unlock();
    return false;
  }
  yield* irq.irqLock.lock();
  yield* irqfdUpdate(irq, irqfd);
  yield* irq.irqLock.unlock();
  yield* linkIrqfd(irq, irqfd);
  yield* irq.irqfdsLock.unlock();
  return true;
}
