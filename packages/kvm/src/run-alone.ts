/**
 * For one thread, as in tests: runs a task to its end, each operation at once. Choices answer from a list; a wait that
 * nothing can end is an error. It knows no interleaving and finds no race.
 */
import {
  current,
  decode,
  formatArena,
  Kind,
  type Operation,
  operation,
  type Task,
  u32,
  useArena,
} from '@faultline/machine';

/** A fresh arena of so many bytes, or in memory that was one before. */
export function freshArena(memory: number | ArrayBuffer = 65_536): void {
  useArena(typeof memory === 'number' ? new ArrayBuffer(memory) : memory);
  formatArena(0);
  current.task = 0;
}

/** A task that has not ended after so many operations goes round in circles: what calls here need is a fraction of it. */
const MAX_OPERATIONS = 100_000;

/** Thrown for a task that does not end by itself. */
export class NeverEnds extends Error {
  constructor() {
    super(`no end after ${MAX_OPERATIONS} operations of one thread`);
    this.name = 'NeverEnds';
  }
}

/** Runs the task; `choices` answers its choices in order, then 0. Throws NeverEnds. */
export function runAlone<T>(task: Task<T>, choices: readonly number[] = []): T {
  const left = [...choices];
  const stack: Iterator<unknown, unknown, unknown>[] = [task as Iterator<unknown, unknown, unknown>];
  let answer: unknown;
  let operations = 0;
  for (;;) {
    const step = (stack.at(-1) as Iterator<unknown, unknown, unknown>).next(answer);
    if (step.done) {
      stack.pop();
      answer = step.value;
      if (stack.length === 0) return answer as T;
    } else if (step.value === operation) {
      if (++operations > MAX_OPERATIONS) throw new NeverEnds();
      answer = execute(operation, left);
    } else {
      stack.push(step.value as Iterator<unknown, unknown, unknown>);
      answer = undefined;
    }
  }
}

function execute(op: Operation, choices: number[]): unknown {
  if (op.kind === Kind.CHOOSE) return choices.shift() ?? 0;
  if (op.codec !== null) return onCell(op);
  const word = op.addr >>> 2;
  switch (op.kind) {
    case Kind.MUTEX_LOCK:
    case Kind.SPIN_LOCK:
      if (u32[word] !== 0) throw new Error('a lock is taken twice');
      u32[word] = 1;
      return undefined;
    case Kind.MUTEX_UNLOCK:
    case Kind.SPIN_UNLOCK:
      if (u32[word] === 0) throw new Error('a lock is released that is not held');
      u32[word] = 0;
      return undefined;
    case Kind.RETRY:
      if (!hasChanged(op)) throw new Error('waits for a change that nobody can make');
      return undefined;
    default:
      return op.kind === Kind.SRCU_BEGIN ? 0n : 0;
  }
}

/** Whether one of the cells that a retry lists has changed already: what the task did itself may count. */
function hasChanged(op: Operation): boolean {
  for (let i = 0; i < op.listLength; i++) {
    const word = (op.listAddr[i] as number) >>> 2;
    if (u32[word] !== op.listLo[i]) return true;
    if (op.listSize[i] === 8 && u32[word + 1] !== op.listHi[i]) return true;
  }
  return false;
}

function onCell(op: Operation): unknown {
  const codec = op.codec as NonNullable<Operation['codec']>;
  const word = op.addr >>> 2;
  const wide = codec.size === 8;
  const lo = u32[word] as number;
  const hi = wide ? (u32[word + 1] as number) : 0;
  const put = (nextLo: number, nextHi: number) => {
    u32[word] = nextLo;
    if (wide) u32[word + 1] = nextHi;
  };
  switch (op.kind) {
    case Kind.STORE:
    case Kind.XCHG:
      put(op.aLo, op.aHi);
      break;
    case Kind.CMPXCHG:
      if (lo === op.aLo && hi === op.aHi) put(op.bLo, op.bHi);
      break;
    case Kind.ADD:
      put((lo + op.aLo) >>> 0, (hi + op.aHi + (lo + op.aLo > 0xffff_ffff ? 1 : 0)) >>> 0);
      break;
    case Kind.AND:
      put(lo & op.aLo, hi & op.aHi);
      break;
    case Kind.OR:
      put(lo | op.aLo, hi | op.aHi);
      break;
    case Kind.ANDNOT:
      put(lo & ~op.aLo, hi & ~op.aHi);
      break;
  }
  return decode(codec, lo, hi);
}
