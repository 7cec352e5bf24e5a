/**
 * All that a litmus test can show, by trying everything: every interleaving of instructions and, under x86-TSO, of the
 * writes that leave the store buffers. Shares nothing with the explorer; its oracle.
 */
import type { Instruction, Litmus, Operand } from '../programs/litmus.ts';
import { outcomeText } from './outcomes.ts';

/** Ways to get the machine wrong, to see that a comparison notices. */
export interface Mistakes {
  /** Loads do not look into the own buffer. */
  readonly noForwarding?: boolean;
  /** Fences and locked instructions do not wait for the buffer. */
  readonly noDraining?: boolean;
  /** Entries leave the buffer in any order. */
  readonly anyOrder?: boolean;
}

interface State {
  readonly at: readonly number[];
  readonly memory: readonly number[];
  readonly locks: readonly string[];
  readonly buffers: readonly (readonly Entry[])[];
  readonly registers: readonly (readonly [string, number])[];
}

/** A word and its value, or a lock that becomes free. */
type Entry = readonly [word: number, value: number] | readonly [lock: string];

/** Outcomes as sorted text, see `outcomeText`; those of executions that cannot go on begin with 'deadlock'. */
export function bruteForce(test: Litmus, model: 'sc' | 'tso', mistakes: Mistakes = {}): Set<string> {
  const outcomes = new Set<string>();
  const seen = new Set<string>();
  const todo: State[] = [
    {
      at: test.threads.map(() => 0),
      memory: test.words.map((_, k) => test.init?.[k] ?? 0),
      locks: [],
      buffers: test.threads.map(() => []),
      registers: test.threads.flatMap((_, t) =>
        Object.entries(test.registers?.[t] ?? {}).map(([name, value]) => [`${t}:${name}`, value] as const),
      ),
    },
  ];
  for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
    const key = keyOf(state);
    if (seen.has(key)) continue;
    seen.add(key);
    const next = successors(test, state, model, mistakes);
    if (next.length === 0) outcomes.add(ending(test, state));
    todo.push(...next);
  }
  return outcomes;
}

function keyOf({ at, memory, locks, buffers, registers }: State): string {
  const waiting = buffers.map((buffer) => buffer.join(' ')).join('/');
  return `${at}|${memory}|${locks}|${waiting}|${registers.join(' ')}`;
}

function ending(test: Litmus, { at, memory, registers }: State): string {
  const done = at.map((n, t) => n === test.threads[t].length);
  const shown = registers.filter(([name]) => done[Number(name.slice(0, name.indexOf(':')))]);
  const words = test.words.map((name, k) => [name, memory[k]] as const);
  const text = outcomeText(Object.fromEntries([...shown, ...words]));
  return done.every(Boolean) ? text : `deadlock ${text}`;
}

function successors(test: Litmus, state: State, model: 'sc' | 'tso', mistakes: Mistakes): State[] {
  const next: State[] = [];
  state.buffers.forEach((buffer, t) => {
    const choices = mistakes.anyOrder === true ? buffer.length : Math.min(1, buffer.length);
    for (let k = 0; k < choices; k++) next.push(flushed(state, t, k));
  });
  test.threads.forEach((code, t) => {
    const step = code[state.at[t]];
    if (step === undefined) return;
    const after = executed(state, t, step, model, mistakes);
    if (after !== null) next.push(after);
  });
  return next;
}

function flushed(state: State, t: number, k: number): State {
  const buffer = state.buffers[t];
  return { ...written(state, buffer[k]), buffers: replaced(state.buffers, t, buffer.toSpliced(k, 1)) };
}

function written(state: State, entry: Entry): State {
  if (entry.length === 1) return { ...state, locks: state.locks.filter((lock) => lock !== entry[0]) };
  return { ...state, memory: replaced(state.memory, entry[0], entry[1]) };
}

/** Null if the instruction has to wait. */
function executed(
  state: State,
  t: number,
  step: Instruction,
  model: 'sc' | 'tso',
  mistakes: Mistakes,
): State | null {
  const going = { ...state, at: replaced(state.at, t, state.at[t] + 1) };
  const buffer = state.buffers[t];
  const into = (name: string, value: number): State => ({ ...going, registers: kept(state, t, name, value) });
  const put = (entry: Entry): State =>
    model === 'sc'
      ? written(going, entry)
      : { ...going, buffers: replaced(state.buffers, t, [...buffer, entry]) };
  const empty = buffer.length === 0 || mistakes.noDraining === true;
  switch (step.op) {
    case 'store':
      return put([step.at, operand(state, t, step.value)]);
    case 'move':
      return into(step.into, operand(state, t, step.value));
    case 'load':
      return into(step.into, valueFor(state, t, step.at, mistakes));
    case 'await':
      return valueFor(state, t, step.at, mistakes) === step.value ? going : null;
    case 'fence':
      return empty ? going : null;
    case 'xchg':
    case 'add':
    case 'cmpxchg': {
      const after = step.into === '' ? going : into(step.into, state.memory[step.at]);
      return empty ? { ...after, memory: replaced(state.memory, step.at, modified(state, t, step)) } : null;
    }
    case 'lock': {
      const lock = `${step.kind}${step.at}`;
      return empty && !state.locks.includes(lock) ? { ...going, locks: [...state.locks, lock].sort() } : null;
    }
    default: {
      const lock = `${step.kind}${step.at}`;
      if (step.kind === 'spin') return put([lock]);
      return empty ? written(going, [lock]) : null;
    }
  }
}

/** What a locked instruction leaves in its word. */
function modified(
  state: State,
  t: number,
  step: Extract<Instruction, { op: 'xchg' | 'add' | 'cmpxchg' }>,
): number {
  const old = state.memory[step.at];
  const value = operand(state, t, step.value);
  if (step.op === 'add') return (old + value) >>> 0;
  return step.op === 'cmpxchg' && old !== operand(state, t, step.old) ? old : value;
}

function operand({ registers }: State, t: number, value: Operand): number {
  if (typeof value === 'number') return value;
  return registers.find(([name]) => name === `${t}:${value}`)?.[1] ?? 0;
}

function kept({ registers }: State, t: number, name: string, value: number): State['registers'] {
  const others = registers.filter(([other]) => other !== `${t}:${name}`);
  return [...others, [`${t}:${name}`, value] as const].sort();
}

function valueFor(state: State, t: number, word: number, mistakes: Mistakes): number {
  if (mistakes.noForwarding === true) return state.memory[word];
  const own = state.buffers[t].findLast((entry) => entry[0] === word);
  return own === undefined ? state.memory[word] : (own[1] as number);
}

function replaced<T>(list: readonly T[], k: number, value: T): T[] {
  return list.map((old, n) => (n === k ? value : old));
}
