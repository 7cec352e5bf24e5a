/** A deassignment walks the list with interrupts on: spin_lock() for spin_lock_irq(). No interrupt takes the lock itself. */
import type { Task } from '@faultline/machine';
import type { Eventfd } from '../src/virt/eventfd.ts';
import type { KvmIrq } from '../src/virt/irq-state.ts';
import { deactivateIrqfd } from '../src/virt/irqfd-wakeup.ts';
import { flushWorkqueue } from '../src/virt/irqfd-work.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irqfd-shutdown.ts#irqfdDeassign ddf04278 */
export function* irqfdDeassign(kvm: Kvm, eventfd: Eventfd, gsi: number): Task<number> {
  const irq = kvm.irq as KvmIrq;
  yield* irq.irqfdsLock.lockWithIrqsOn();
  for (let irqfd = irq.irqfdsItems, next = irqfd; irqfd !== null; irqfd = next) {
    next = irqfd.next;
    if (irqfd.eventfd === eventfd && irqfd.gsi === gsi) yield* deactivateIrqfd(irq, irqfd);
  }
  yield* irq.irqfdsLock.unlock();
  yield* flushWorkqueue(irq.cleanup);
  return 0;
}
