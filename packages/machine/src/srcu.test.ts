import { explore } from '@faultline/explore';
import { expect, test } from 'vitest';
import { formatArena, useArena } from './arena.ts';
import {
  type Cell,
  cell32,
  never,
  type StructType,
  scenario,
  struct,
  type Task,
  type View,
} from './index.ts';
import { SRCU_CPUS, type Srcu, srcu } from './srcu.ts';

interface User extends View {
  readonly srcu: Srcu;
  readonly begun: Cell<number>;
  readonly over: Cell<number>;
}
const User: StructType<User> = struct('srcu_test_user', { srcu, begun: cell32, over: cell32 }, { as: 'u' });

test('a domain refuses more CPUs than it can count', () => {
  useArena(new ArrayBuffer(4096));
  formatArena(0);
  const user = User.alloc();
  expect(() => user.srcu.init('real', SRCU_CPUS + 1)).toThrow('at most 4 CPUs; 5 asked for');
});

test('counters may wrap in the middle of a section', () => {
  const wrapping = scenario('srcu/counters-wrap', {
    source: 'this test',
    *setup(): Task<User> {
      const user = User.alloc();
      user.srcu.init('real', 2);
      // As many began on CPU 0 as ended on CPU 1, and both counters are about to wrap.
      for (const idx of [0, 1]) {
        user.srcu.state.sda.at(0).lockCount.at(idx).poke(0xffff_ffff);
        user.srcu.state.sda.at(1).unlockCount.at(idx).poke(0xffff_ffff);
      }
      return user;
    },
    threads: {
      *reader(user: User) {
        const idx = yield* user.srcu.readLock();
        const begun = yield* user.begun.readOnce();
        const over = yield* user.over.readOnce();
        yield* user.srcu.readUnlock(idx);
        return begun === 0 && over === 1;
      },
      *updater(user: User) {
        yield* user.begun.writeOnce(1);
        yield* user.srcu.synchronize();
        yield* user.over.writeOnce(1);
      },
    },
    always: {
      'a section is waited for': ({ results: { reader } }) => !reader,
      'a section that has ended is not': never('livelock'),
    },
    sometimes: {},
  });
  const { verdict, counts } = explore(wrapping as unknown as Parameters<typeof explore>[0]);
  expect(verdict).toBe('verified');
  expect(counts.complete).toBeGreaterThan(5);
});
