/**
 * Goal: a scenario over the abstract SRCU proves something about the real one. Method: the same clients on both; every
 * outcome of the real one has to be an outcome of the abstract one. A level that is too coarse fails the same comparison.
 */
import { explore } from '@faultline/explore';
import {
  type AnyScenario,
  type Cell,
  cell32,
  type StructType,
  struct,
  type Task,
  type View,
} from '@faultline/machine';
import { expect, test } from 'vitest';
import { Marks, makeClient } from './client.ts';
import { freedUnderAReader } from './freed-under-a-reader.ts';
import { lateReaderMissed } from './late-reader-missed.ts';
import type { Domain, Users } from './most-general-client.ts';
import { overlappingGracePeriods } from './overlapping-grace-periods.ts';
import {
  fourUsers,
  realShowsMoreThanAbstract,
  twoUpdaters,
  usersOf,
} from './real-shows-more-than-abstract.ts';

const CLIENTS = [realShowsMoreThanAbstract, twoUpdaters, fourUsers];

/** Every outcome of the scenario, from another start. Claims aside: they are not what is compared. */
function outcomes(scenario: unknown, setup: () => Task<unknown>): string[] {
  const program = {
    ...(scenario as AnyScenario),
    setup,
    always: {},
    sometimes: {},
  } as unknown as AnyScenario;
  const { verdict, finals } = explore(program);
  expect(verdict).toBe('verified');
  return [...finals.keys()].sort();
}

function* real(): Task<Users> {
  return usersOf('real');
}

function* abstract(): Task<Users> {
  return usersOf('abstract');
}

/** One counter; a grace period is one operation, at a moment when nobody is inside. */
interface Counter extends View {
  readonly inside: Cell<number>;
}
const Counter: StructType<Counter> = struct('counter', { inside: cell32 });

class SingleOperation implements Domain {
  private readonly inside = Counter.alloc().inside;

  *readLock(): Task<number> {
    yield* this.inside.fetchAdd(1);
    return 0;
  }
  *readUnlock(): Task {
    yield* this.inside.fetchAdd(-1);
  }
  *synchronize(): Task {
    yield* this.inside.awaitEqual(0);
  }
}

function* singleOperation(): Task<Users> {
  return { domain: new SingleOperation(), marks: Marks.alloc(), cpus: 1 };
}

test.each(CLIENTS)('$name: the abstract level shows every outcome of the real one', (client) => {
  const allowed = new Set(outcomes(client, abstract));
  const seen = outcomes(client, real);
  expect(seen.length).toBeGreaterThan(5);
  expect(seen.filter((outcome) => !allowed.has(outcome))).toEqual([]);
});

test.each([freedUnderAReader, lateReaderMissed, overlappingGracePeriods])(
  '$name: so it does for a client that follows a pointer',
  (client) => {
    const cpus = 1;
    const startAt = (level: 'real' | 'abstract') =>
      function* () {
        return makeClient(level, cpus);
      };
    const allowed = new Set(outcomes(client, startAt('abstract')));
    expect(outcomes(client, startAt('real')).filter((outcome) => !allowed.has(outcome))).toEqual([]);
  },
);

test('a grace period of a single operation would hide an outcome of the real one', () => {
  const allowed = new Set(outcomes(realShowsMoreThanAbstract, singleOperation));
  const hidden = outcomes(realShowsMoreThanAbstract, real).filter((outcome) => !allowed.has(outcome));
  expect(hidden).not.toEqual([]);
});
