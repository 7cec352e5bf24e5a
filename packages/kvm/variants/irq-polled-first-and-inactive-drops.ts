/** An irqfd joins the wait queue before it joins the list, and an event of an irqfd that is not on the list is dropped. */
import type { Task } from '@faultline/machine';
import { EBADF, EWOULDBLOCK } from '../src/errno.ts';
import type { Eventfd } from '../src/virt/eventfd.ts';
import { deliverInAtomic } from '../src/virt/irq-deliver.ts';
import { readIrqEntry } from '../src/virt/irq-routing.ts';
import { Irqfd, type KvmIrq } from '../src/virt/irq-state.ts';
import { addIrqfd, pollEventfd } from '../src/virt/irqfd.ts';
import { fget, fput } from '../src/virt/irqfd-eventfd.ts';
import { queueWork } from '../src/virt/irqfd-work.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irqfd.ts#irqfdAssign e568ac72 */
export function* irqfdAssign(kvm: Kvm, eventfd: Eventfd, gsi: number): Task<number> {
  const irq = kvm.irq as KvmIrq;
  if (!(yield* fget(eventfd))) return -EBADF;
  const irqfd = Irqfd.alloc();
  irqfd.gsi = gsi;
  irqfd.eventfd = eventfd;
  yield* eventfd.kref.fetchAdd(1);
  const idx = yield* irq.irqSrcu.readLock();
  const pending = yield* pollEventfd(irqfd);
  yield* addIrqfd(irq, irqfd);
  if (pending) yield* queueWork(irq.inject, irqfd);
  yield* irq.irqSrcu.readUnlock(idx);
  yield* fput(kvm, eventfd);
  return 0;
}

/** @replaces packages/kvm/src/virt/irqfd-wakeup.ts#irqfdWakeup 21754475 */
export function* irqfdWakeup(kvm: Kvm, irqfd: Irqfd): Task {
  const irq = kvm.irq as KvmIrq;
  yield* (irqfd.eventfd as Eventfd).count.writeOnce(0);
  if ((yield* irqfd.active.readOnce()) === 0) return;
  const idx = yield* irq.irqSrcu.readLock();
  const result = yield* deliverInAtomic(kvm, yield* readIrqEntry(irqfd));
  if (result === -EWOULDBLOCK) yield* queueWork(irq.inject, irqfd);
  yield* irq.irqSrcu.readUnlock(idx);
}
