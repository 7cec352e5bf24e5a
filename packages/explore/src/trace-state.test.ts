/** A recorded event says what stood in its cells before and after, and what its thread then holds. */
import { cell64, mutex, rwlock, scenario, srcu, struct, type Task } from '@faultline/machine';
import { expect, test } from 'vitest';
import { explore } from './explore.ts';
import { replay } from './replay.ts';

const Entry = struct('entry', { spte: cell64, lock: mutex, mmuLock: rwlock, srcu }, { as: 'e' });
type Entry = ReturnType<typeof Entry.at>;

const alone = scenario('test/one-thread', {
  source: 'a test',
  *setup(): Task<Entry> {
    const e = Entry.alloc();
    yield* e.spte.writeOnce(1n << 40n);
    return e;
  },
  threads: {
    *only(e): Task {
      yield* e.lock.lock();
      yield* e.mmuLock.readLock();
      const idx = yield* e.srcu.readLock();
      yield* e.spte.cmpxchg(1n << 40n, 7n);
      yield* e.spte.cmpxchg(1n << 40n, 8n);
      yield* e.srcu.readUnlock(idx);
      yield* e.mmuLock.readUnlock();
      yield* e.lock.unlock();
      yield* e.mmuLock.writeLock();
      yield* e.mmuLock.writeUnlock();
    },
  },
  always: { 'falls, so that there is a schedule': () => false },
  sometimes: {},
});

const { trace } = replay(alone, explore(alone).findings[0].schedule);

test('a cmpxchg that wins has another value after it, one that loses has not; 64 bits are whole', () => {
  const cells = trace.events.flatMap((event) => event.cells);
  expect(cells.map(({ place, size, before, after }) => [place, size, before, after])).toEqual([
    ['e->spte', 8, 1n << 40n, 7n],
    ['e->spte', 8, 7n, 7n],
  ]);
});

test('locks are listed in the order in which they were taken, with how they are held', () => {
  const held = trace.events.map((event) => event.held.map(({ place, how }) => `${place} ${how}`).join(', '));
  const all = 'e->lock alone, e->mmu_lock read, e->srcu section';
  expect(held).toEqual([
    'e->lock alone',
    'e->lock alone, e->mmu_lock read',
    all,
    all,
    all,
    'e->lock alone, e->mmu_lock read',
    'e->lock alone',
    '',
    'e->mmu_lock write',
    '',
  ]);
});
