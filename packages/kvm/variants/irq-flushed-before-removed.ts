/** The work of an irqfd is waited for before its callback is off the wait queue. */
import type { Task } from '@faultline/machine';
import { type Eventfd, eventfdCtxPut } from '../src/virt/eventfd.ts';
import { Irqfd, type KvmIrq } from '../src/virt/irq-state.ts';
import { removeWaiter } from '../src/virt/irqfd-eventfd.ts';
import { flushWork } from '../src/virt/irqfd-work.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irqfd-shutdown.ts#irqfdShutdown f1befe2f */
export function* irqfdShutdown(kvm: Kvm, irqfd: Irqfd): Task {
  const irq = kvm.irq as KvmIrq;
  yield* irq.irqSrcu.synchronize();
  yield* flushWork(irq.inject, irqfd);
  yield* removeWaiter(irqfd);
  const eventfd = irqfd.eventfd as Eventfd;
  Irqfd.free(irqfd);
  yield* eventfdCtxPut(eventfd);
}
