/**
 * Goal: a scenario over abstract flushes and an abstract entry proves something about the real ones. Method: the same
 * clients on every level; every outcome of a more real one has to be an outcome of a more abstract one. Levels that are
 * too coarse fail the same comparison.
 */
import { explore } from '@faultline/explore';
import { exitGuest } from '@faultline/kvm/seams';
import type { AnyScenario, Task } from '@faultline/machine';
import { expect, test } from 'vitest';
import { type Client, flushClient, type Levels, movePage } from './flush-client.ts';
import { flushShowsMoreThanAbstract, twoFlushers } from './flush-shows-more-than-abstract.ts';

const REAL: Levels = { remoteFlush: 'real', vcpuEntry: 'real' };
const ENTRY_ABSTRACT: Levels = { remoteFlush: 'real', vcpuEntry: 'abstract' };
const FLUSH_ABSTRACT: Levels = { remoteFlush: 'abstract', vcpuEntry: 'real' };
const ABSTRACT: Levels = { remoteFlush: 'abstract', vcpuEntry: 'abstract' };

const CLIENTS = [
  { client: flushShowsMoreThanAbstract as unknown as AnyScenario, vcpus: 2 },
  { client: twoFlushers as unknown as AnyScenario, vcpus: 1 },
];

/** Every outcome of the client on these levels. Claims aside: they are not what is compared. */
function outcomes(client: AnyScenario, vcpus: number, levels: Levels): string[] {
  const setup = function* (): Task<Client> {
    const made = yield* flushClient(levels, vcpus);
    if (vcpus === 1) yield* exitGuest(made.vcpu);
    return made;
  };
  const program = { ...client, setup, always: {}, sometimes: {} } as unknown as AnyScenario;
  const { verdict, finals } = explore(program);
  expect(verdict).toBe('verified');
  return [...finals.keys()].sort();
}

test.each(CLIENTS)('$client.name: each more abstract level shows every outcome of the real ones', (row) => {
  const { client, vcpus } = row;
  const [real, merged, entered, abstract] = [REAL, ENTRY_ABSTRACT, FLUSH_ABSTRACT, ABSTRACT].map((levels) =>
    outcomes(client, vcpus, levels),
  ) as [string[], string[], string[], string[]];
  expect(real.length).toBeGreaterThan(5);
  const hiddenBy = (level: string[]) => real.filter((outcome) => !level.includes(outcome));
  expect(hiddenBy(merged)).toEqual([]);
  expect(hiddenBy(entered)).toEqual([]);
  expect(hiddenBy(abstract)).toEqual([]);
  expect(merged.filter((outcome) => !abstract.includes(outcome))).toEqual([]);
});

/** The flusher's thread with another flush. */
function withFlush(flush: (client: Client) => Task): AnyScenario {
  return {
    ...flushShowsMoreThanAbstract,
    threads: {
      ...flushShowsMoreThanAbstract.threads,
      *flusher(client: Client): Task {
        yield* movePage(client, 0, 2);
        yield* flush(client);
        yield* client.marks.done.fetchAdd(1);
      },
    },
  } as unknown as AnyScenario;
}

/** All vCPUs stop between two instructions at once. */
function* allAtOnce({ vcpus }: Client): Task {
  for (const { tlb } of vcpus) yield* tlb.lock.lock();
  for (const { tlb } of vcpus) for (let i = 0; i < 2; i++) tlb.entries.set(i, 0n);
  for (const { tlb } of vcpus) yield* tlb.lock.unlock();
}

/** vCPU 0 always before vCPU 1. */
function* inOrder({ vcpus }: Client): Task {
  for (const { tlb } of vcpus) {
    yield* tlb.lock.lock();
    for (let i = 0; i < 2; i++) tlb.entries.set(i, 0n);
    yield* tlb.lock.unlock();
  }
}

test.each([
  { says: 'empties all TLBs at once', flush: allAtOnce },
  { says: 'empties TLBs in the order of the vCPUs', flush: inOrder },
])('a flush that $says hides an outcome of the real one', ({ flush }) => {
  const allowed = new Set(outcomes(withFlush(flush), 2, ABSTRACT));
  const real = outcomes(flushShowsMoreThanAbstract as unknown as AnyScenario, 2, REAL);
  expect(real.filter((outcome) => !allowed.has(outcome))).not.toEqual([]);
});
