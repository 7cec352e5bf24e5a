/** Work queues of irqfds: each item is queued once, and runs on a thread of its own. */
import { bugOn, retryAfterChange, type Seen, type Task } from '@faultline/machine';
import type { Irqfd, IrqfdQueue, KvmIrq } from './irq-state.ts';

/** Nothing if it is queued already. The queues of the model hold one irqfd. @kernel schedule_work include/linux/workqueue.h */
export function* queueWork(wq: IrqfdQueue, irqfd: Irqfd): Task {
  const queued = yield* wq.pending.cmpxchg(null, irqfd);
  bugOn(queued !== null && queued !== irqfd, 'a queue of the model holds one irqfd');
}

/** The next item, or null when there will be none. It counts as running until workDone. */
export function* nextWork(irq: KvmIrq, wq: IrqfdQueue): Task<Irqfd | null> {
  for (;;) {
    const actors = yield* irq.actors.loadAcquire();
    const irqfd = yield* wq.pending.readOnce();
    if (irqfd !== null) {
      // Running before it is no longer queued: who flushes finds it one way or the other.
      yield* wq.current.writeOnce(irqfd);
      yield* wq.pending.cmpxchg(irqfd, null);
      return irqfd;
    }
    if (actors === 0) return null;
    const seen: Seen[] = [
      [irq.actors, actors],
      [wq.pending, null],
    ];
    yield* retryAfterChange(seen);
  }
}

export function* workDone(wq: IrqfdQueue): Task {
  yield* wq.current.storeRelease(null);
}

/** Returns when the item is neither queued nor running. @kernel flush_work kernel/workqueue.c */
export function* flushWork(wq: IrqfdQueue, irqfd: Irqfd): Task {
  while ((yield* wq.pending.loadAcquire()) === irqfd) yield* wq.pending.awaitDiffers(irqfd);
  while ((yield* wq.current.loadAcquire()) === irqfd) yield* wq.current.awaitDiffers(irqfd);
}

/** Returns when everything that was queued is done. @kernel flush_workqueue include/linux/workqueue.h */
export function* flushWorkqueue(wq: IrqfdQueue): Task {
  yield* wq.pending.awaitEqual(null);
  yield* wq.current.awaitEqual(null);
  yield* wq.current.loadAcquire();
}

/** A thread that will queue nothing more. */
export function* actorDone(irq: KvmIrq): Task {
  yield* irq.actors.fetchAdd(-1);
}
