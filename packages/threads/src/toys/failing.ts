/** Scenarios that fail, each in a way of its own: what the harness must report and must never hang on. */
import { type AnyScenario, atomically, bugOn, never, scenario, type Task, warnOn } from '@faultline/machine';
import { Node, setUpToy, type Toy } from './toy.ts';

interface Parts {
  readonly left: (toy: Toy) => Task<unknown>;
  readonly right: (toy: Toy) => Task<unknown>;
}

function fails(name: string, left: Parts['left'], right: Parts['right'] = idle): AnyScenario {
  return scenario(`toys/fails-${name}`, {
    source: 'toy',
    setup: setUpToy,
    threads: {
      *left(toy: Toy) {
        return yield* left(toy);
      },
      *right(toy: Toy) {
        return yield* right(toy);
      },
    },
    always: {
      'no WARN': never('WARN'),
      'right returns': ({ results }) => results.right !== 'bad',
    },
    sometimes: {},
  });
}

function* idle(toy: Toy): Task<unknown> {
  return yield* toy.x.readOnce();
}

export const failing: readonly AnyScenario[] = [
  fails('with-a-value', idle, function* (toy) {
    yield* toy.x.readOnce();
    return 'bad';
  }),
  fails(
    'with-an-exception',
    function* (toy) {
      yield* toy.lock.lock();
      throw new TypeError('left throws');
    },
    function* (toy) {
      yield* toy.x.awaitEqual(1);
    },
  ),
  fails('with-a-bug', function* (toy) {
    bugOn((yield* toy.x.readOnce()) === 0, 'x is 0');
  }),
  fails('with-a-warning', function* (toy) {
    warnOn((yield* toy.x.readOnce()) === 0, 'x is still 0');
  }),
  fails('with-a-double-free', function* (toy) {
    const node = yield* toy.node.xchg(null);
    Node.free(node!);
    Node.free(node!);
  }),
  fails('with-a-foreign-unlock', function* (toy) {
    yield* toy.lock.unlock();
  }),
  fails('with-a-leaked-lock', function* (toy) {
    yield* toy.spin.lock();
  }),
  fails('with-a-full-arena', function* (toy) {
    yield* toy.x.readOnce();
    for (;;) Node.alloc(1000);
  }),
  fails(
    'with-a-lost-wake-up',
    function* (toy) {
      yield* toy.lock.lock();
      yield* toy.x.awaitEqual(7);
      yield* toy.lock.unlock();
    },
    function* (toy) {
      yield* toy.lock.lock();
      yield* toy.lock.unlock();
    },
  ),
  fails('with-recursion', function* (toy) {
    yield* toy.lock.lock();
    yield* toy.lock.lock();
  }),
  fails('with-an-endless-loop', function* (toy) {
    while ((yield* toy.x.readOnce()) === 0) yield* toy.y.readOnce();
  }),
  fails('with-an-atomic-section', function* (toy) {
    yield* atomically([toy.x as never], 'write');
  }),
];
