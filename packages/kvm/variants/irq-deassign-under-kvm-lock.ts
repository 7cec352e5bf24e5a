/** An irqfd is deassigned with kvm->lock held. */
import type { Task } from '@faultline/machine';
import type { Eventfd } from '../src/virt/eventfd.ts';
import type { KvmIrq } from '../src/virt/irq-state.ts';
import { deactivateIrqfd } from '../src/virt/irqfd-wakeup.ts';
import { flushWorkqueue } from '../src/virt/irqfd-work.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irqfd-shutdown.ts#irqfdDeassign ddf04278 */
export function* irqfdDeassign(kvm: Kvm, eventfd: Eventfd, gsi: number): Task<number> {
  const irq = kvm.irq as KvmIrq;
  yield* kvm.lock.lock();
  yield* irq.irqfdsLock.lock();
  const irqfd = irq.irqfdsItems;
  if (irqfd?.eventfd === eventfd && irqfd.gsi === gsi) yield* deactivateIrqfd(irq, irqfd);
  yield* irq.irqfdsLock.unlock();
  yield* flushWorkqueue(irq.cleanup);
  yield* kvm.lock.unlock();
  return 0;
}
