/** Litmus tests: a few threads of straight-line code over words that are 0 at first, as data. */
import {
  type AnyScenario,
  array,
  cell32,
  mutex,
  scenario,
  smpMb,
  spinlock,
  struct,
  type Task,
  type ViewType,
} from '@faultline/machine';

/** A number, or the register that holds it. */
export type Operand = number | string;

export type Instruction =
  /** WRITE_ONCE(x, value) */
  | { readonly op: 'store'; readonly at: number; readonly value: Operand }
  /** reg = value */
  | { readonly op: 'move'; readonly value: Operand; readonly into: string }
  /** reg = READ_ONCE(x) */
  | { readonly op: 'load'; readonly at: number; readonly into: string }
  /** smp_mb() */
  | { readonly op: 'fence' }
  /** reg = xchg(&x, value): a locked instruction. */
  | { readonly op: 'xchg'; readonly at: number; readonly value: Operand; readonly into: string }
  /** reg = atomic_fetch_add(value, &x): a locked instruction. `into` '': nobody looks at what was there. */
  | { readonly op: 'add'; readonly at: number; readonly value: Operand; readonly into: string }
  /** reg = cmpxchg(&x, old, value): locked, whether it succeeds or not. */
  | {
      readonly op: 'cmpxchg';
      readonly at: number;
      readonly old: Operand;
      readonly value: Operand;
      readonly into: string;
    }
  /** Waits until x has the value. */
  | { readonly op: 'await'; readonly at: number; readonly value: number }
  | { readonly op: 'lock' | 'unlock'; readonly kind: 'spin' | 'mutex'; readonly at: number };

export interface Litmus {
  readonly name: string;
  /** Names of the words; instructions have their indices. */
  readonly words: readonly string[];
  readonly threads: readonly (readonly Instruction[])[];
  /** Values that the words begin with; 0 where left out. */
  readonly init?: readonly number[];
  /** Values that registers begin with, by thread. */
  readonly registers?: readonly Readonly<Record<string, number>>[];
}

/** What an execution shows: registers as '0:r1', words by name. */
export type Outcome = Readonly<Record<string, number>>;

const WORDS = 8;
const LOCKS = 2;
const makeType = () =>
  struct(
    'litmus',
    { word: array(cell32, WORDS), spin: array(spinlock, LOCKS), mutex: array(mutex, LOCKS) },
    { as: 'm' },
  );
type Machine = ViewType<ReturnType<typeof makeType>>;

/** Made when first asked for: types are numbered, and a system without litmus tests has no such type. */
let memory: ReturnType<typeof makeType> | undefined;

function memoryType(): ReturnType<typeof makeType> {
  memory ??= makeType();
  return memory;
}

/** The test as a scenario whose threads return their registers, and whose final state are the words. */
export function litmusScenario(test: Litmus): AnyScenario {
  const threads = Object.fromEntries(
    test.threads.map((_, t) => [`P${t}`, (memory: Machine) => run(memory, test, t)]),
  );
  return scenario(`litmus/${dashed(test.name)}`, {
    source: 'a litmus test',
    arenaBytes: 8192,
    maxSteps: 200,
    *setup() {
      const memory = memoryType().alloc();
      test.init?.forEach((value, k) => {
        memory.word.at(k).poke(value);
      });
      return memory;
    },
    threads,
    always: {},
    sometimes: {},
    final: (memory: Machine) =>
      Object.fromEntries(test.words.map((name, k) => [name, memory.word.at(k).peek()])),
  }) as AnyScenario;
}

/** The name as the name of a scenario may be. */
function dashed(name: string): string {
  const dashes = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return dashes.replace(/^-|-$/g, '') || 'test';
}

function* run(memory: Machine, test: Litmus, t: number): Task<Record<string, number>> {
  const registers: Record<string, number> = {};
  for (const [name, value] of Object.entries(test.registers?.[t] ?? {})) registers[`${t}:${name}`] = value;
  const valueIn = (operand: Operand) =>
    typeof operand === 'number' ? operand : (registers[`${t}:${operand}`] ?? 0);
  for (const step of test.threads[t] ?? []) {
    if ('into' in step) {
      const value = yield* giving(memory, step, valueIn);
      if (step.into !== '') registers[`${t}:${step.into}`] = value;
    } else {
      yield* giveless(memory, step, valueIn);
    }
  }
  return registers;
}

type Giving = Extract<Instruction, { into: string }>;

function* giving(memory: Machine, step: Giving, valueIn: (operand: Operand) => number): Task<number> {
  if (step.op === 'move') return valueIn(step.value);
  const word = memory.word.at(step.at);
  switch (step.op) {
    case 'load':
      return yield* word.readOnce();
    case 'xchg':
      return yield* word.xchg(valueIn(step.value));
    case 'add':
      return yield* word.fetchAdd(valueIn(step.value) >>> 0);
    default:
      return yield* word.cmpxchg(valueIn(step.old), valueIn(step.value));
  }
}

function* giveless(
  memory: Machine,
  step: Exclude<Instruction, Giving>,
  valueIn: (operand: Operand) => number,
): Task {
  switch (step.op) {
    case 'store':
      yield* memory.word.at(step.at).writeOnce(valueIn(step.value));
      return;
    case 'fence':
      yield* smpMb();
      return;
    case 'await':
      yield* memory.word.at(step.at).awaitEqual(step.value);
      return;
    default: {
      const lock = step.kind === 'spin' ? memory.spin.at(step.at) : memory.mutex.at(step.at);
      if (step.op === 'lock') yield* lock.lock();
      else yield* lock.unlock();
    }
  }
}
