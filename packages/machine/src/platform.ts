/**
 * The explored platform: an operation is recorded, not executed; the driver of the task executes it.
 * The threads build replaces this module by packages/threads/src/platform.ts, which has the same exports and executes at once.
 */
import { type Codec, CodecId, encode, halves, peek, poke } from './codec.ts';
import { current } from './current.ts';
import { Kind, MAX_LIST, Order, operation, record, Until } from './op.ts';
import type { Step } from './step.ts';
import type { FieldInfo } from './struct.ts';
import type { Task } from './task.ts';

/** True where an abstract implementation of a level may run: it needs a driver that knows who is inside. */
export const EXPLORED = true;

/** Told of every event that is not a visible operation. Null outside an explored execution. */
export interface Watch {
  plainRead(addr: number, size: number, field: FieldInfo): void;
  plainWrite(addr: number, size: number, field: FieldInfo): void;
  allocated(addr: number, bytes: number): void;
  freed(addr: number, bytes: number): void;
  warned(text: string): void;
  traced(name: string, text: string): void;
  /** A section of a real SRCU domain, which is made of cells and would otherwise go unseen. */
  sectionEntered(domain: number, idx: number): void;
  sectionLeft(domain: number, idx: number): void;
  migrated(cpu: number): void;
}

let watch: Watch | null = null;

/** Installs the watcher of the execution under way; null for set-up and oracles. */
export function setWatch(next: Watch | null): void {
  watch = next;
}

export function plainRead(addr: number, size: number, field: FieldInfo): void {
  if (watch !== null) watch.plainRead(addr, size, field);
}

export function plainWrite(addr: number, size: number, field: FieldInfo): void {
  if (watch !== null) watch.plainWrite(addr, size, field);
}

export function allocated(addr: number, bytes: number): void {
  if (watch !== null) watch.allocated(addr, bytes);
}

export function freed(addr: number, bytes: number): void {
  if (watch !== null) watch.freed(addr, bytes);
}

export function warned(text: string): void {
  if (watch !== null) watch.warned(text);
}

export function traced(name: string, text: string): void {
  if (watch !== null) watch.traced(name, text);
}

export function sectionEntered(domain: number, idx: number): void {
  if (watch !== null) watch.sectionEntered(domain, idx);
}

export function sectionLeft(domain: number, idx: number): void {
  if (watch !== null) watch.sectionLeft(domain, idx);
}

/** From here on the current task runs on `cpu`. */
export function migrated(cpu: number): void {
  current.cpu = cpu;
  if (watch !== null) watch.migrated(cpu);
}

export function load<T>(addr: number, codec: Codec, order: number, step?: Step): Task<T> {
  return record(Kind.LOAD, addr, codec, order, step);
}

/** STORE, XCHG, ADD, AND, OR, ANDNOT: one operand. */
export function modify<T>(
  kind: number,
  addr: number,
  codec: Codec,
  value: unknown,
  order: number,
  step?: Step,
): Task<T> {
  const task = record<T>(kind, addr, codec, order, step);
  encode(codec, value);
  operation.aLo = halves.lo;
  operation.aHi = halves.hi;
  return task;
}

export function cmpxchg<T>(
  addr: number,
  codec: Codec,
  old: unknown,
  next: unknown,
  order: number,
  step?: Step,
): Task<T> {
  const task = record<T>(Kind.CMPXCHG, addr, codec, order, step);
  encode(codec, old);
  operation.aLo = halves.lo;
  operation.aHi = halves.hi;
  encode(codec, next);
  operation.bLo = halves.lo;
  operation.bHi = halves.hi;
  return task;
}

export function fence(order: number, step?: Step): Task {
  return record(Kind.FENCE, 0, null, order, step);
}

/** A lock operation on the lock at `addr`. `irqsOn`: it leaves interrupts on, although the field says otherwise. */
export function lockOp<T = void>(kind: number, addr: number, step?: Step, irqsOn = false): Task<T> {
  const task = record<T>(kind, addr, null, Order.FULL, step);
  operation.aLo = irqsOn ? 1 : 0;
  return task;
}

/** An abstract SRCU operation on the domain at `addr`; `token` for SRCU_WAIT and SRCU_UNLOCK. */
export function srcuOp<T>(kind: number, addr: number, lo: number, hi: number, step?: Step): Task<T> {
  const task = record<T>(kind, addr, null, Order.FULL, step);
  operation.aLo = lo >>> 0;
  operation.aHi = hi >>> 0;
  return task;
}

/** Disabled until `(cell & mask) until value`. */
export function awaitCell<T>(
  addr: number,
  codec: Codec,
  until: number,
  value: unknown,
  mask: unknown,
  step?: Step,
): Task<T> {
  const task = record<T>(Kind.AWAIT, addr, codec, until, step);
  encode(codec, value);
  operation.aLo = halves.lo;
  operation.aHi = halves.hi;
  if (mask === undefined) {
    operation.bLo = operation.bHi = 0xffff_ffff;
  } else {
    encode(codec, mask);
    operation.bLo = halves.lo;
    operation.bHi = halves.hi;
  }
  return task;
}

/** Begins the list of a RETRY or ATOMIC operation; `listCell` adds to it, `endList` makes it the task. */
export function listOp(kind: number, order: number, step?: Step): Task {
  return record(kind, 0, null, order, step);
}

export function listCell(addr: number, codec: Codec, seen: unknown): void {
  const i = operation.listLength;
  if (i >= MAX_LIST) throw new RangeError(`an operation lists at most ${MAX_LIST} cells`);
  operation.listAddr[i] = addr;
  operation.listSize[i] = codec.size;
  if (seen !== undefined) {
    encode(codec, seen);
    operation.listLo[i] = halves.lo;
    operation.listHi[i] = halves.hi;
  }
  operation.listLength = i + 1;
}

/** The operation is complete: here a platform that executes at once does so. */
export function endList(task: Task): Task {
  return task;
}

export function choose(text: string, n: number, step?: Step): Task<number> {
  const task = record<number>(Kind.CHOOSE, 0, null, Order.ONCE, step);
  operation.aLo = n;
  operation.text = text;
  return task;
}

const WORD: Codec = { id: CodecId.U32, size: 4, view: null };
/** Where the explored `park` keeps who sleeps on a word: a bit a task, and above SLEEPING who ever did. */
const ASLEEP = 8;
const SLEEPING = 0xffff;

/**
 * Sleeps on the word at `addr` unless it no longer equals `expected`: futex(2) FUTEX_WAIT, Atomics.wait. Comparing and
 * falling asleep are one step, which is all that the kernel promises. May return for no reason on threads, so callers look
 * again. Here the word `ASLEEP` bytes further on holds the sleepers (see ParkingLock in futex.ts).
 */
export function* park(addr: number, expected: number): Task {
  const me = 1 << current.task;
  yield* section(addr, addr + ASLEEP);
  if (peek(WORD, addr) !== expected >>> 0) return;
  poke(WORD, addr + ASLEEP, (peek(WORD, addr + ASLEEP) as number) | me | (me << 16));
  yield* awaitCell(addr + ASLEEP, WORD, Until.EQ, 0, me);
}

/** Wakes one sleeper of the word at `addr`, or all. One: that of the lowest task, so scenarios make its sleepers alike. */
export function* unpark(addr: number, all: boolean): Task {
  yield* section(addr + ASLEEP, 0);
  const asleep = peek(WORD, addr + ASLEEP) as number;
  const left = all ? 0 : asleep & (asleep - 1) & SLEEPING;
  poke(WORD, addr + ASLEEP, (asleep & ~SLEEPING) | left);
}

/** What follows happens at once; it touches these words (0: none). */
function section(word: number, other: number): Task {
  const task = listOp(Kind.ATOMIC, 1);
  listCell(word, WORD, undefined);
  if (other !== 0) listCell(other, WORD, undefined);
  return endList(task);
}
