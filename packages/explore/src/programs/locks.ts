/** Locks, sections and waits gone wrong, and what code says itself: each as a broken program and its correct twin. */
import { choose, KernelBug, retryAfterChange, type Task, warnOn } from '@faultline/machine';
import {
  bare,
  type Device,
  device,
  inSection,
  type Pair,
  readData,
  readLockedWrite,
  type Thread,
} from './device.ts';

const both = (first: 'lock' | 'other', second: 'lock' | 'other'): Thread =>
  function* (dev) {
    yield* dev[first].lock();
    yield* dev[second].lock();
    yield* dev[second].unlock();
    yield* dev[first].unlock();
  };

export const locks: readonly Pair[] = [
  {
    kind: 'deadlock',
    what: 'two mutexes in opposite order',
    message: /a waits for dev->other, held by b; b waits for dev->lock, held by a/,
    broken: device('abba', [both('lock', 'other'), both('other', 'lock')]),
    correct: device('same-order', [both('lock', 'other'), both('lock', 'other')]),
  },
  {
    kind: 'deadlock',
    what: 'a mutex taken twice',
    message: /a waits for dev->lock, held by a/,
    broken: device('recursive', [both('lock', 'lock')]),
    correct: device('not-recursive', [both('lock', 'other')]),
  },
  {
    kind: 'deadlock',
    what: 'a grace period under a mutex that its reader takes',
    message: /the readers of dev->srcu/,
    broken: device('grace-period-under-lock', [inSection(readData), synchronizeUnder('lock')]),
    correct: device('grace-period-under-other-lock', [inSection(readData), synchronizeUnder('other')]),
  },
  {
    kind: 'deadlock',
    what: 'a grace period inside its own section',
    message: /a waits for the readers of dev->srcu, held by a/,
    broken: device('own-section', [inSection(synchronize)]),
    correct: device('after-section', [synchronize]),
  },
  {
    kind: 'deadlock',
    what: 'the same with the real SRCU algorithm',
    message: /a waits for .*srcu.*, held by a/,
    broken: device('real-own-section', [inSection(synchronize)], 'real'),
    correct: device('real-after-section', [synchronize], 'real'),
  },
  {
    kind: 'deadlock',
    what: 'a count that the waiter keeps from falling',
    message: /a waits for dev->count, held by b; b waits for dev->lock, held by a/,
    broken: device('count-under-lock', [waitForCount(true), countUnderLock]),
    correct: device('count-outside-lock', [waitForCount(false), countUnderLock]),
  },
  {
    kind: 'deadlock',
    what: 'a second reader behind a queued writer of a fair rwlock',
    message: /held by/,
    broken: device('nested-fair-reader', [nestedReader('fair'), writer('fair')]),
    correct: device('nested-reader', [nestedReader('rw'), writer('rw')]),
  },
  {
    kind: 'livelock',
    what: 'a retry that nobody can end',
    message: /nobody can still write what a waits for \(dev->flag\)/,
    broken: device('endless-retry', [retry, bare(() => undefined)]),
    correct: device('ended-retry', [retry, setFlag]),
  },
  {
    kind: 'leaked lock',
    what: 'a thread that returns with a lock',
    message: /returns holding dev->lock/,
    broken: device('leaked-lock', [justLock]),
    correct: device('given-back', [readData]),
  },
  {
    kind: 'leaked lock',
    what: 'a thread that returns inside a read section',
    message: /returns holding a read section of dev->srcu/,
    broken: device('leaked-section', [justEnter], 'real'),
    correct: device('left-section', [inSection(bare(() => undefined))], 'real'),
  },
  {
    kind: 'bad unlock',
    what: 'a mutex that is not held',
    message: /mutex_unlock\(&dev->lock\): not held/,
    broken: device('not-held', [justUnlock]),
    correct: device('held', [readData]),
  },
  {
    kind: 'bad unlock',
    what: 'a mutex that another thread holds',
    message: /mutex_unlock\(&dev->lock\): held by another thread/,
    broken: device('held-by-another', [handOver, unlockForIt]),
    correct: device('held-by-itself', [readData, readData]),
  },
  {
    kind: 'bad unlock',
    what: 'a rwlock in the wrong mode',
    message: /write_unlock\(&dev->rw\): dev->rw is held for reading/,
    broken: device('wrong-mode', [wrongMode]),
    correct: device('right-mode', [readLockedWrite]),
  },
  {
    kind: 'suspicious RCU usage',
    what: 'the index of another section',
    message: /srcu_read_unlock\(&dev->srcu, 1\): not inside that section/,
    broken: device('wrong-index', [unlockIndex(1)]),
    correct: device('right-index', [unlockIndex(0)]),
  },
  {
    kind: 'suspicious RCU usage',
    what: 'rcu_dereference outside of a section',
    message: /rcu_dereference\(dev->guarded_item\) without dev->lock or dev->srcu/,
    broken: device('dereference-outside', [dereference]),
    correct: device('dereference-inside', [inSection(dereference)]),
  },
  {
    kind: 'WARN',
    what: 'a warning',
    message: /WARN: the flag is set/,
    broken: device('warns', [setFlag, warnIf(1)]),
    correct: device('warns-not', [setFlag, warnIf(2)]),
  },
  {
    kind: 'BUG',
    what: 'BUG_ON',
    message: /BUG: the flag is set/,
    broken: device('bug', [setFlag, bugIf(1)]),
    correct: device('no-bug', [setFlag, bugIf(2)]),
  },
  {
    kind: 'exception',
    what: 'a thread that throws, in one of two choices',
    message: /throws TypeError: out of luck/,
    broken: device('throws', [throwOn(1)]),
    correct: device('throws-not', [throwOn(2)]),
  },
];

function* synchronize(dev: Device): Task {
  yield* dev.srcu.synchronize();
}

function synchronizeUnder(name: 'lock' | 'other'): Thread {
  return function* (dev) {
    yield* dev[name].lock();
    yield* dev.srcu.synchronize();
    yield* dev[name].unlock();
  };
}

function waitForCount(underLock: boolean): Thread {
  return function* (dev) {
    if (underLock) yield* dev.lock.lock();
    yield* dev.count.awaitEqual(0);
    if (underLock) yield* dev.lock.unlock();
  };
}

function* countUnderLock(dev: Device): Task {
  yield* dev.count.fetchAdd(1);
  yield* dev.lock.lock();
  yield* dev.count.fetchAdd(0xffff_ffff);
  yield* dev.lock.unlock();
}

function nestedReader(name: 'fair' | 'rw'): Thread {
  return function* (dev) {
    yield* dev[name].readLock();
    yield* dev[name].readLock();
    yield* dev[name].readUnlock();
    yield* dev[name].readUnlock();
  };
}

function writer(name: 'fair' | 'rw'): Thread {
  return function* (dev) {
    yield* dev[name].writeLock();
    yield* dev[name].writeUnlock();
  };
}

function* retry(dev: Device): Task {
  for (;;) {
    const flag = yield* dev.flag.readOnce();
    if (flag === 1) return;
    yield* retryAfterChange([[dev.flag, flag]]);
  }
}

function* setFlag(dev: Device): Task {
  yield* dev.flag.writeOnce(1);
}

function* justLock(dev: Device): Task {
  yield* dev.lock.lock();
}

function* justEnter(dev: Device): Task {
  yield* dev.srcu.readLock();
}

function* justUnlock(dev: Device): Task {
  yield* dev.lock.unlock();
}

function* handOver(dev: Device): Task {
  yield* dev.lock.lock();
  yield* dev.flag.storeRelease(1);
  yield* dev.flag.awaitEqual(2);
  yield* dev.lock.unlock();
}

function* unlockForIt(dev: Device): Task {
  yield* dev.flag.awaitEqual(1);
  yield* dev.lock.unlock();
  yield* dev.flag.writeOnce(2);
}

function* wrongMode(dev: Device): Task {
  yield* dev.rw.readLock();
  yield* dev.rw.writeUnlock();
}

function unlockIndex(idx: number): Thread {
  return function* (dev) {
    yield* dev.srcu.readLock();
    yield* dev.srcu.readUnlock(idx);
  };
}

function* dereference(dev: Device): Task {
  yield* dev.guardedItem.rcuDereference();
}

function warnIf(value: number): Thread {
  return function* (dev) {
    warnOn((yield* dev.flag.readOnce()) === value, 'the flag is set');
  };
}

function bugIf(value: number): Thread {
  return function* (dev) {
    if ((yield* dev.flag.readOnce()) === value) throw new KernelBug('the flag is set');
  };
}

function throwOn(value: number): Thread {
  return function* () {
    if ((yield* choose('luck', 2)) === value) throw new TypeError('out of luck');
  };
}
