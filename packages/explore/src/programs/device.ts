/** A device with every kind of field, and programs over it that exist in two versions: broken and correct. */
import {
  type AnyScenario,
  array,
  cell32,
  fairRwlock,
  guardedBy,
  mutex,
  ptrCell,
  rawSpinlock,
  rwlock,
  scenario,
  spinlock,
  srcu,
  struct,
  type Task,
  u32Field,
  type ViewType,
  writeGuardedBy,
} from '@faultline/machine';
import type { FindingKind } from '../finding.ts';

export const Item = struct('item', { used: u32Field, seq: cell32 });
export type Item = ViewType<typeof Item>;

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
    raw: rawSpinlock,
  },
  { as: 'dev' },
);
export type Device = ViewType<typeof Device>;

export type Thread = (dev: Device) => Task<unknown>;

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

/** Reads the data under its lock. */
export const readData: Thread = function* (dev) {
  yield* dev.lock.lock();
  const seen = dev.data;
  yield* dev.lock.unlock();
  return seen;
};

/** `body` inside a read section. */
export const inSection = (body: Thread): Thread =>
  function* (dev) {
    const idx = yield* dev.srcu.readLock();
    const result = yield* body(dev);
    yield* dev.srcu.readUnlock(idx);
    return result;
  };

/** `body` after one visible operation, with nothing held. */
export const bare = (body: (dev: Device) => void): Thread =>
  function* (dev) {
    yield* dev.flag.readOnce();
    body(dev);
  };

export function* readLockedWrite(dev: Device): Task {
  yield* dev.rw.readLock();
  dev.data = 1;
  yield* dev.rw.readUnlock();
}
