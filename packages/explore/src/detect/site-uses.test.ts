/** Goal: who else changes the place of a named operation is known, and whether a lock that both hold keeps them apart. */
import {
  array,
  at,
  cell32,
  guardedBy,
  mutex,
  rwlock,
  scenario,
  stepNamed,
  struct,
  u32Field,
} from '@faultline/machine';
import { expect, test } from 'vitest';
import { explore } from '../explore.ts';

const Pair = struct('pair', { lock: mutex, both: rwlock, a: cell32, b: cell32, c: cell32 }, { as: 'pair' });
type Pair = ReturnType<typeof Pair.alloc>;

function* mine(pair: Pair) {
  yield* pair.lock.lock();
  yield* pair.a.fetchAdd(1, at('test.kept_apart'));
  yield* pair.lock.unlock();
  yield* pair.both.readLock();
  yield* pair.b.fetchAdd(1, at('test.shared_only'));
  yield* pair.both.readUnlock();
}

const met = scenario('test/met', {
  source: 'this test',
  *setup() {
    return Pair.alloc();
  },
  threads: {
    *one(pair: Pair) {
      yield* mine(pair);
      yield* pair.c.fetchAdd(1, at('test.alone'));
    },
    *other(pair: Pair) {
      yield* mine(pair);
      yield* pair.c.readOnce();
    },
  },
  always: {},
  sometimes: {},
});

test('a lock that one side holds alone keeps two changes apart; two readers are rivals; who only reads changes nothing', () => {
  const { sites } = explore(met, { siteUses: true });
  const use = (name: string) => sites.find(({ step }) => step === stepNamed(name, 'at').id);
  expect(use('test.kept_apart')).toMatchObject({ held: ['pair->lock exclusive'], rivals: [] });
  expect(use('test.kept_apart')?.others).not.toEqual([]);
  expect(use('test.shared_only')).toMatchObject({ held: ['pair->both shared'] });
  expect(use('test.shared_only')?.rivals).toHaveLength(1);
  expect(use('test.alone')).toMatchObject({ held: [], others: [], rivals: [] });
});

test('nothing is noted unless somebody wants to know', () => {
  expect(explore(met).sites).toEqual([]);
});

const Row = struct('row', { lock: mutex, words: array(guardedBy(u32Field, 'row->lock'), 2) }, { as: 'row' });

test('what guards an element of an array guards each of them', () => {
  const { findings } = explore(
    scenario('test/guarded-elements', {
      source: 'this test',
      *setup() {
        return Row.alloc();
      },
      threads: {
        *one(row: ReturnType<typeof Row.alloc>) {
          row.words.set(1, 7);
          yield* row.lock.lock();
          yield* row.lock.unlock();
        },
      },
      always: {},
      sometimes: {},
    }),
  );
  expect(findings.map(({ kind }) => kind)).toEqual(['wrong guard']);
});
