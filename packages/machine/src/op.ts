/**
 * The operation record: what a task asks of the memory model when it yields.
 *
 * There is one record for the whole program. A platform function fills it and the task yields it at once, so whoever
 * drives the task reads the fields before anything else can fill it again; handing over an operation allocates nothing.
 * Values are two unsigned 32-bit halves (lo, hi), whatever the cell's type.
 */
import type { Codec } from './codec.ts';
import { type Step, steplessId } from './step.ts';
import type { Task, Visible } from './task.ts';

/** The closed list of visible operations. `a` and `b` are the operands. */
export const Kind = {
  /** Result: the value of the cell. */
  LOAD: 0,
  /** `cell = a`. */
  STORE: 1,
  /** `cell = a`; result: the old value. */
  XCHG: 2,
  /** `if (cell == a) cell = b`; result: the old value. A failed one is a read. */
  CMPXCHG: 3,
  /** `cell += a`, `&= a`, `|= a`, `&= ~a`; result: the old value. */
  ADD: 4,
  AND: 5,
  OR: 6,
  ANDNOT: 7,
  /** Local: `order` says which fence. */
  FENCE: 8,
  MUTEX_LOCK: 9,
  MUTEX_UNLOCK: 10,
  /** Result: 1 if taken. A failed one is a read. */
  MUTEX_TRYLOCK: 11,
  SPIN_LOCK: 12,
  SPIN_UNLOCK: 13,
  READ_LOCK: 14,
  READ_UNLOCK: 15,
  /** Announces a writer (fair rwlocks only): from here on new readers wait. */
  WRITE_QUEUE: 16,
  WRITE_LOCK: 17,
  WRITE_UNLOCK: 18,
  /** Abstract SRCU. `addr` is the domain; each reader owns one word of it. */
  SRCU_LOCK: 19,
  SRCU_UNLOCK: 20,
  /** Result: a 64-bit token that names the readers inside, one byte a task. */
  SRCU_BEGIN: 21,
  /** Disabled until every reader named by token `a` has left. */
  SRCU_WAIT: 22,
  /** Disabled until `(cell & b) CMP a`, CMP given by `order` (an `Until`); result: the value. */
  AWAIT: 23,
  /** Disabled until one of the listed cells differs from the value that was seen there. */
  RETRY: 24,
  /** Local: result is one of 0 .. a-1. `text` says what is chosen. */
  CHOOSE: 25,
  /** The accesses up to the next visible operation happen at once; `list` is the footprint, `order` 1 if it writes. */
  ATOMIC: 26,
} as const;

export const kindNames = Object.keys(Kind);

/** Memory orders as the kernel distinguishes them; for FENCE, which fence. */
export const Order = {
  /** READ_ONCE, WRITE_ONCE, atomic_*_relaxed, a failed cmpxchg. */
  ONCE: 0,
  ACQUIRE: 1,
  RELEASE: 2,
  /** Value-returning read-modify-writes, smp_store_mb. */
  FULL: 3,
  /** rcu_dereference: ordered by the dependency. */
  DEREFERENCE: 4,
  /** An access that is racy on purpose: data_race(). */
  RACY: 5,
  /** Fences. */
  MB: 6,
  RMB: 7,
  WMB: 8,
  MB_AFTER_ATOMIC: 9,
  /** Compiler only. */
  BARRIER: 10,
  /** this_cpu_add(): one instruction, but not a locked one. Nobody on another CPU writes the word. */
  PER_CPU: 11,
} as const;

/** The comparisons of AWAIT, in `order`. */
export const Until = { EQ: 0, NE: 1 } as const;

/** At most this many cells in the list of one operation (RETRY, ATOMIC). */
export const MAX_LIST = 24;

class Operation {
  kind = 0;
  addr = 0;
  codec: Codec | null = null;
  order = 0;
  aLo = 0;
  aHi = 0;
  bLo = 0;
  bHi = 0;
  /** Id of the named step this operation belongs to, 0 for none. */
  step = steplessId;
  /** 1: the step is weakened, so the driver executes the weaker form of the operation. */
  weak = 0;
  text = '';
  listLength = 0;
  readonly listAddr = new Uint32Array(MAX_LIST);
  readonly listLo = new Uint32Array(MAX_LIST);
  readonly listHi = new Uint32Array(MAX_LIST);
  /** Bytes of each listed cell: 4 or 8. */
  readonly listSize = new Uint8Array(MAX_LIST);

  /** Lets untransformed text say `yield* cell.readOnce()`: hands over the record once, then returns the result. */
  [Symbol.iterator](): Iterator<unknown, unknown, unknown> {
    let handedOver = false;
    return {
      next: (value: unknown) => {
        if (handedOver) return { done: true, value };
        handedOver = true;
        return { done: false, value: this };
      },
    };
  }
}

export type { Operation };

/** The record. Drivers compare what a generator yields with it by identity. */
export const operation = new Operation();

const asVisible = operation as unknown as Visible;

/** Fills the record; the caller adds operands. Returns it typed as the task it stands for. */
export function record<T>(
  kind: number,
  addr: number,
  codec: Codec | null,
  order: number,
  step?: Step,
): Task<T> {
  const op = operation;
  op.kind = kind;
  op.addr = addr;
  op.codec = codec;
  op.order = order;
  op.aLo = op.aHi = op.bLo = op.bHi = 0;
  op.listLength = 0;
  if (step === undefined) {
    op.step = steplessId;
    op.weak = 0;
  } else {
    op.step = step.id;
    op.weak = step.off ? 1 : 0;
  }
  return asVisible as unknown as Task<T>;
}
