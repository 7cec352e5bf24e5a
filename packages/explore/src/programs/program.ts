/** Small helpers for programs that exist to be counted: an array of words and of locks, threads made by number. */
import {
  type AnyScenario,
  array,
  type Cell,
  cell32,
  fairRwlock,
  type Mutex,
  mutex,
  type RwLock,
  rwlock,
  type Srcu,
  scenario,
  srcu,
  struct,
  type Task,
} from '@faultline/machine';

const Shared = struct(
  'shared',
  {
    x: array(cell32, 160),
    lock: array(mutex, 64),
    rwlock,
    fairRwlock,
    srcu,
  },
  { as: 's' },
);

export interface SharedState {
  /** Word `i`. */
  word(i: number): Cell<number>;
  lock(i: number): Mutex;
  readonly rwlock: RwLock;
  readonly fairRwlock: RwLock;
  readonly srcu: Srcu;
}

type Thread = (s: SharedState) => Task<unknown>;

export interface Extras {
  /** Initial values, 0 for all others. */
  readonly init?: Readonly<Record<number, number>>;
  /** How many words belong to the final state. */
  readonly finalWords?: number;
  readonly always?: Record<string, (s: SharedState) => boolean>;
  readonly maxSteps?: number;
}

/** A scenario over `SharedState` with the given threads. */
export function program(name: string, threads: readonly Thread[], extras: Extras = {}): AnyScenario {
  const named: Record<string, Thread> = {};
  threads.forEach((thread, t) => {
    named[`t${t}`] = thread;
  });
  const always: Record<string, (outcome: unknown, s: SharedState) => boolean> = {};
  for (const [claim, holds] of Object.entries(extras.always ?? {})) always[claim] = (_, s) => holds(s);
  return scenario(`programs/${name}`, {
    source: 'explorer',
    arenaBytes: 8192,
    setup: () => setUp(extras.init ?? {}),
    threads: named,
    always,
    sometimes: {},
    ...(extras.maxSteps === undefined ? {} : { maxSteps: extras.maxSteps }),
    final: (s: SharedState) => finalWords(s, extras.finalWords ?? 0),
  }) as unknown as AnyScenario;
}

function* setUp(init: Readonly<Record<number, number>>): Task<SharedState> {
  const shared = Shared.alloc();
  for (const [i, value] of Object.entries(init)) shared.x.at(Number(i)).poke(value);
  shared.srcu.init('abstract', 1);
  return {
    word: (i) => shared.x.at(i),
    lock: (i) => shared.lock.at(i),
    rwlock: shared.rwlock,
    fairRwlock: shared.fairRwlock,
    srcu: shared.srcu,
  };
}

function finalWords(s: SharedState, n: number): number[] {
  return Array.from({ length: n }, (_, i) => s.word(i).peek());
}

/** `n` copies made by number, from `first`. */
export function times<T>(n: number, make: (i: number) => T, first = 0): T[] {
  return Array.from({ length: n }, (_, i) => make(i + first));
}
