/** For each kind of finding a small program that shows it, and its correct twin: same shape, nothing to report. */
import {
  type AnyScenario,
  array,
  cell32,
  choose,
  fairRwlock,
  guardedBy,
  KernelBug,
  mutex,
  ptrCell,
  retryAfterChange,
  rwlock,
  scenario,
  smpRmb,
  smpWmb,
  spinlock,
  srcu,
  struct,
  type Task,
  u32Field,
  type ViewType,
  warnOn,
  writeGuardedBy,
} from '@faultline/machine';
import type { FindingKind } from '../finding.ts';

const Item = struct('item', { used: u32Field, seq: cell32 });
type Item = ViewType<typeof Item>;

const Device = struct(
  'device',
  {
    data: u32Field,
    more: u32Field,
    guarded: guardedBy(u32Field, 'dev->lock'),
    shared: guardedBy(u32Field, 'dev->rw'),
    fixed: writeGuardedBy(u32Field, 'init'),
    inSection: guardedBy(u32Field, 'dev->lock', 'dev->srcu'),
    flag: cell32,
    count: cell32,
    item: ptrCell(() => Item),
    guardedItem: guardedBy(
      ptrCell(() => Item),
      'dev->lock',
      'dev->srcu',
    ),
    lock: mutex,
    other: mutex,
    spin: spinlock,
    rw: rwlock,
    fair: fairRwlock,
    srcu,
    table: array(u32Field, 4),
  },
  { as: 'dev' },
);
export type Device = ViewType<typeof Device>;

type Thread = (dev: Device) => Task<unknown>;

/** A program whose threads are `a`, `b`, ... */
export function device(
  name: string,
  threads: readonly Thread[],
  level: 'abstract' | 'real' = 'abstract',
): AnyScenario {
  const named: Record<string, Thread> = {};
  threads.forEach((thread, t) => {
    named['abcdefgh'[t]] = thread;
  });
  return scenario(`broken/${name}`, {
    source: 'explorer',
    arenaBytes: 8192,
    *setup(): Task<Device> {
      const dev = Device.alloc();
      const item = Item.alloc();
      dev.srcu.init(level, threads.length);
      dev.item.poke(item);
      dev.guardedItem.poke(item);
      return dev;
    },
    threads: named,
    always: {},
    sometimes: {},
  }) as unknown as AnyScenario;
}

export interface Pair {
  readonly kind: FindingKind;
  readonly what: string;
  /** Part of the message. */
  readonly message: RegExp;
  readonly broken: AnyScenario;
  readonly correct: AnyScenario;
}

const writeData: Thread = function* (dev) {
  yield* dev.lock.lock();
  dev.data = 1;
  yield* dev.lock.unlock();
};
const readData: Thread = function* (dev) {
  yield* dev.lock.lock();
  const seen = dev.data;
  yield* dev.lock.unlock();
  return seen;
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

const inSection = (body: Thread): Thread =>
  function* (dev) {
    const idx = yield* dev.srcu.readLock();
    const result = yield* body(dev);
    yield* dev.srcu.readUnlock(idx);
    return result;
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
const both = (first: 'lock' | 'other', second: 'lock' | 'other'): Thread =>
  function* (dev) {
    yield* dev[first].lock();
    yield* dev[second].lock();
    yield* dev[second].unlock();
    yield* dev[first].unlock();
  };
const locked = (body: (dev: Device) => void): Thread =>
  function* (dev) {
    yield* dev.lock.lock();
    body(dev);
    yield* dev.lock.unlock();
  };
const bare = (body: (dev: Device) => void): Thread =>
  function* (dev) {
    yield* dev.flag.readOnce();
    body(dev);
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

function* readLockedWrite(dev: Device): Task {
  yield* dev.rw.readLock();
  dev.data = 1;
  yield* dev.rw.readUnlock();
}

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
