/** An irqfd copies its route before it takes irqfds.lock to join the list. */
import type { Task } from '@faultline/machine';
import { irqfdUpdate } from '../src/virt/irq-routing.ts';
import type { Irqfd, KvmIrq } from '../src/virt/irq-state.ts';
import { linkIrqfd } from '../src/virt/irqfd.ts';

/** @replaces packages/kvm/src/virt/irqfd.ts#addIrqfd 742f981e */
export function* addIrqfd(irq: KvmIrq, irqfd: Irqfd): Task<boolean> {
  yield* irqfdUpdate(irq, irqfd);
  yield* irq.irqfdsLock.lock();
  yield* linkIrqfd(irq, irqfd);
  yield* irq.irqfdsLock.unlock();
  return true;
}
