/**
 * @area locks
 *
 * The guest has acknowledged a level-triggered line: it falls, and whoever drives it is asked to look again.
 */
import type { Task } from '@faultline/machine';
import { type Eventfd, eventfdSignal } from './eventfd.ts';
import type { AckNotifier, KvmIrq } from './irq-state.ts';
import { IrqfdResampler } from './irqfd-resampler-state.ts';

/** Called by the walk of ack notifiers, inside irq_srcu. @kernel irqfd_resampler_ack virt/kvm/eventfd.c */
export function* irqfdResamplerAck(irq: KvmIrq, kian: AckNotifier): Task {
  const resampler = IrqfdResampler.at(kian.addr);
  // First: who is told may raise it at once.
  yield* lowerLine(resampler);
  const idx = yield* irq.irqSrcu.readLock();
  yield* signalAll(resampler);
  yield* irq.irqSrcu.readUnlock(idx);
}

export function* lowerLine(resampler: IrqfdResampler): Task {
  yield* resampler.line.writeOnce(0);
}

/** Inside irq_srcu. */
export function* signalAll(resampler: IrqfdResampler): Task {
  let irqfd = yield* resampler.list.rcuDereference();
  while (irqfd !== null) {
    yield* eventfdSignal(irqfd.resamplefd as Eventfd);
    irqfd = yield* irqfd.resamplerLink.rcuDereference();
  }
}
