/** Random programs with mistakes in them (plain accesses, unlocks that do not match, memory freed early). */
import { type AnyScenario, smpMb, type Task, warnOn } from '@faultline/machine';
import { type Device, device, Item } from './device.ts';
import { random } from './random.ts';

const OPS = [
  'lock',
  'unlock',
  'write',
  'read',
  'write',
  'read',
  'release',
  'acquire',
  'fence',
  'flag',
  'load',
];
const RARE = ['free', 'use', 'warn', 'section', 'leave', 'synchronize', 'await'];

/** A program of two or three threads, by its seed. */
export function faulty(seed: number): AnyScenario {
  const rnd = random(seed);
  const threads = 2 + rnd(2);
  const plans = Array.from({ length: threads }, () =>
    Array.from({ length: 1 + rnd(threads === 2 ? 4 : 3) }, () =>
      rnd(5) === 0 ? RARE[rnd(RARE.length)] : OPS[rnd(OPS.length)],
    ),
  );
  return device(
    'random',
    plans.map((plan) => (dev: Device) => thread(dev, plan)),
  );
}

function* thread(dev: Device, plan: readonly string[]): Task<number> {
  let seen = 0;
  for (const op of plan) {
    if (op === 'write') dev.data = 1;
    else if (op === 'read') seen += dev.data;
    else if (op === 'free') Item.free(dev.item.peek() as Item);
    else if (op === 'use') seen += (dev.item.peek() as Item).used;
    else seen += yield* visible(dev, op);
  }
  return seen;
}

function* visible(dev: Device, op: string): Task<number> {
  switch (op) {
    case 'lock':
      yield* dev.lock.lock();
      return 0;
    case 'unlock':
      yield* dev.lock.unlock();
      return 0;
    case 'release':
      yield* dev.flag.storeRelease(1);
      return 0;
    case 'acquire':
      return yield* dev.flag.loadAcquire();
    case 'fence':
      yield* smpMb();
      return 0;
    case 'flag':
      yield* dev.flag.writeOnce(2);
      return 0;
    case 'warn':
      warnOn((yield* dev.flag.readOnce()) === 1, 'released');
      return 0;
    case 'section':
      return yield* dev.srcu.readLock();
    case 'leave':
      yield* dev.srcu.readUnlock(0);
      return 0;
    case 'synchronize':
      yield* dev.srcu.synchronize();
      return 0;
    case 'await':
      return yield* dev.flag.awaitEqual(1);
    default:
      return yield* dev.flag.readOnce();
  }
}
