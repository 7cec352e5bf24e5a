/** Races, missing guards and memory freed too early: each as a broken program and its correct twin. */
import { smpRmb, smpWmb, type Task } from '@faultline/machine';
import {
  bare,
  type Device,
  device,
  Item,
  inSection,
  type Pair,
  readData,
  readLockedWrite,
  type Thread,
} from './device.ts';

const writeData: Thread = function* (dev) {
  yield* dev.lock.lock();
  dev.data = 1;
  yield* dev.lock.unlock();
};
const readDataBare: Thread = function* (dev) {
  yield* dev.flag.readOnce();
  return dev.data;
};

/** A message passed through `flag`: `publish` and `receive` say with which orders. */
function message(
  publish: (dev: Device) => Task,
  receive: (dev: Device) => Task<number>,
): readonly [Thread, Thread] {
  return [
    function* (dev) {
      dev.data = 7;
      yield* publish(dev);
    },
    function* (dev) {
      return (yield* receive(dev)) === 1 ? dev.data : 0;
    },
  ];
}

const relaxed = {
  *publish(dev: Device): Task {
    yield* dev.flag.writeOnce(1);
  },
  *receive(dev: Device): Task<number> {
    return yield* dev.flag.readOnce();
  },
};
const ordered = {
  *publish(dev: Device): Task {
    yield* dev.flag.storeRelease(1);
  },
  *receive(dev: Device): Task<number> {
    return yield* dev.flag.loadAcquire();
  },
};
const fenced = {
  *publish(dev: Device): Task {
    yield* smpWmb();
    yield* dev.flag.writeOnce(1);
  },
  *receive(dev: Device): Task<number> {
    const flag = yield* dev.flag.readOnce();
    yield* smpRmb();
    return flag;
  },
};

const useItem: Thread = function* (dev) {
  const item = yield* dev.item.rcuDereference();
  return item === null ? 0 : item.used;
};
const replaceItem = (wait: boolean): Thread =>
  function* (dev) {
    const old = dev.item.peek() as Item;
    const next = Item.alloc();
    next.used = 2;
    yield* dev.item.assign(next);
    if (wait) yield* dev.srcu.synchronize();
    Item.free(old);
  };
const locked = (body: (dev: Device) => void): Thread =>
  function* (dev) {
    yield* dev.lock.lock();
    body(dev);
    yield* dev.lock.unlock();
  };

export const races: readonly Pair[] = [
  {
    kind: 'data race',
    what: 'a reader without the lock',
    message: /reads dev->data, unordered with another thread that writes it/,
    broken: device('unlocked-reader', [writeData, readDataBare]),
    correct: device('locked-reader', [writeData, readData]),
  },
  {
    kind: 'data race',
    what: 'a message passed with WRITE_ONCE and READ_ONCE alone',
    message: /reads dev->data/,
    broken: device('relaxed-message', message(relaxed.publish, relaxed.receive)),
    correct: device('released-message', message(ordered.publish, ordered.receive)),
  },
  {
    kind: 'data race',
    what: 'a write barrier without its read barrier',
    message: /reads dev->data/,
    broken: device('half-fenced-message', message(fenced.publish, relaxed.receive)),
    correct: device('fenced-message', message(fenced.publish, fenced.receive)),
  },
  {
    kind: 'data race',
    what: 'a writer under a rwlock held for reading',
    message: /writes dev->data, unordered with another thread that writes it/,
    broken: device('read-locked-writers', [readLockedWrite, readLockedWrite]),
    correct: device('write-locked-writers', [writeLockedWrite, writeLockedWrite]),
  },
  {
    kind: 'wrong guard',
    what: 'a guarded field without its lock',
    message: /writes dev->guarded without dev->lock/,
    broken: device('unguarded-write', [bare((dev) => (dev.guarded = 1))]),
    correct: device('guarded-write', [locked((dev) => (dev.guarded = 1))]),
  },
  {
    kind: 'wrong guard',
    what: 'a write where only the allocating task may',
    message: /writes dev->fixed after it was set up/,
    broken: device('late-write', [bare((dev) => (dev.fixed = 1))]),
    correct: device('late-read', [bare((dev) => dev.fixed)]),
  },
  {
    kind: 'wrong guard',
    what: 'a field of an SRCU domain outside its sections',
    message: /reads dev->in_section without dev->lock or dev->srcu/,
    broken: device('outside-section', [bare((dev) => dev.inSection)]),
    correct: device('inside-section', [inSection(bare((dev) => dev.inSection))]),
  },
  {
    kind: 'use after free',
    what: 'an object freed without a grace period',
    message: /item->used/,
    broken: device('no-grace-period', [inSection(useItem), replaceItem(false)]),
    correct: device('grace-period', [inSection(useItem), replaceItem(true)]),
  },
  {
    kind: 'use after free',
    what: 'the same with the real SRCU algorithm',
    message: /item->used/,
    broken: device('no-real-grace-period', [inSection(useItem), replaceItem(false)], 'real'),
    correct: device('real-grace-period', [inSection(useItem), replaceItem(true)], 'real'),
  },
  {
    kind: 'use after free',
    what: 'a cell accessed by somebody while the object is freed',
    message: /item->seq/,
    broken: device('cell-under-free', [touchItem, freeItem(false)]),
    correct: device('cell-before-free', [touchItem, freeItem(true)]),
  },
  {
    kind: 'double free',
    what: 'two threads that free one object',
    message: /free/,
    broken: device('double-free', [freeAfter(0), freeAfter(1)]),
    correct: device('single-free', [freeAfter(0), bare(() => undefined)]),
  },
];

function* writeLockedWrite(dev: Device): Task {
  yield* dev.rw.writeLock();
  dev.data = 1;
  yield* dev.rw.writeUnlock();
}

function* touchItem(dev: Device): Task {
  const item = (yield* dev.item.readOnce()) as Item;
  yield* item.seq.writeOnce(1);
  yield* dev.flag.storeRelease(1);
}

function freeItem(wait: boolean): Thread {
  return function* (dev) {
    if (wait) {
      yield* dev.flag.awaitEqual(1);
      yield* dev.flag.loadAcquire();
    }
    Item.free((yield* dev.item.readOnce()) as Item);
  };
}

function freeAfter(turn: number): Thread {
  return function* (dev) {
    if (turn === 1) yield* dev.flag.awaitEqual(1);
    yield* dev.flag.loadAcquire();
    Item.free(dev.item.peek() as Item);
    yield* dev.flag.storeRelease(1);
  };
}
