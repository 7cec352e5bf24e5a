/** An irqfd joins the wait queue before it joins the list. */
import type { Task } from '@faultline/machine';
import { EBADF } from '../src/errno.ts';
import type { Eventfd } from '../src/virt/eventfd.ts';
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
