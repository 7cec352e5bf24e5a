/** An event is delivered by the copy of the route that the irqfd has, on the list or not. */
import type { Task } from '@faultline/machine';
import { EWOULDBLOCK } from '../src/errno.ts';
import type { Eventfd } from '../src/virt/eventfd.ts';
import { deliverInAtomic } from '../src/virt/irq-deliver.ts';
import { readIrqEntry } from '../src/virt/irq-routing.ts';
import type { Irqfd, KvmIrq } from '../src/virt/irq-state.ts';
import { queueWork } from '../src/virt/irqfd-work.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irqfd-wakeup.ts#irqfdWakeup 21754475 */
export function* irqfdWakeup(kvm: Kvm, irqfd: Irqfd): Task {
  const irq = kvm.irq as KvmIrq;
  yield* (irqfd.eventfd as Eventfd).count.writeOnce(0);
  const idx = yield* irq.irqSrcu.readLock();
  const result = yield* deliverInAtomic(kvm, yield* readIrqEntry(irqfd));
  if (result === -EWOULDBLOCK) yield* queueWork(irq.inject, irqfd);
  yield* irq.irqSrcu.readUnlock(idx);
}
