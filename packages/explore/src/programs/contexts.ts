/** Waiting where a CPU cannot be given up, with and without PREEMPT_RT. */
import type { AnyScenario, Task } from '@faultline/machine';
import { type Device, device, type Pair, type Thread } from './device.ts';

const nested = (outer: 'lock' | 'spin' | 'raw', inner: 'lock' | 'spin' | 'raw'): Thread =>
  function* (dev) {
    yield* dev[outer].lock();
    yield* dev[inner].lock();
    yield* dev[inner].unlock();
    yield* dev[outer].unlock();
  };

const rt = (program: AnyScenario): AnyScenario => ({ ...program, preemptRt: true });

export const contexts: readonly Pair[] = [
  {
    kind: 'sleeping function called from invalid context',
    what: 'a mutex inside a spinlock',
    message: /mutex_lock\(&dev->lock\) inside dev->spin$/,
    broken: device('mutex-in-spinlock', [nested('spin', 'lock')]),
    correct: device('spinlock-in-mutex', [nested('lock', 'spin')]),
  },
  {
    kind: 'sleeping function called from invalid context',
    what: 'a spinlock inside a raw one, under PREEMPT_RT alone',
    message: /spin_lock\(&dev->spin\) inside dev->raw, PREEMPT_RT$/,
    broken: rt(device('spinlock-in-raw', [nested('raw', 'spin')])),
    correct: device('spinlock-in-raw', [nested('raw', 'spin')]),
  },
  {
    kind: 'sleeping function called from invalid context',
    what: 'a mutex inside a spinlock, except under PREEMPT_RT, where that sleeps too',
    message: /mutex_lock\(&dev->lock\) inside dev->spin$/,
    broken: device('mutex-in-spinlock', [nested('spin', 'lock')]),
    correct: rt(device('mutex-in-spinlock', [nested('spin', 'lock')])),
  },
  {
    kind: 'sleeping function called from invalid context',
    what: 'a grace period inside a rwlock',
    message: /synchronize_srcu\(&dev->srcu\) inside dev->rw$/,
    broken: device('grace-period-in-rwlock', [synchronizeInside]),
    correct: device('grace-period-outside', [synchronizeAfter]),
  },
];

function* synchronizeInside(dev: Device): Task {
  yield* dev.rw.readLock();
  yield* dev.srcu.synchronize();
  yield* dev.rw.readUnlock();
}

function* synchronizeAfter(dev: Device): Task {
  yield* dev.rw.readLock();
  yield* dev.rw.readUnlock();
  yield* dev.srcu.synchronize();
}
