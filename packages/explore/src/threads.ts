/**
 * The threads of one execution: a stack of generators each, advanced from one visible operation to the next.
 *
 * What a generator yields is the operation record or a nested task; both texts run, the one that the build plugin made
 * (`yield f()`) at the same price at any depth, and the plain one (`yield* f()`).
 */
import { current, Kind, Order, operation, type Task } from '@faultline/machine';
import { OpTable } from './op-table.ts';

/** Kind of the row of a thread that has nothing more to do. */
export const FINISHED = -1;
/** What follows a weakened read-modify-write's load. */
const NOTHING = -1;
const MAX_CALLS = 256;

/** Told of the operations that are no transition of their own: fences, and locks that were weakened away. */
export type OnLocal = (thread: number, order: number, step: number) => void;

type Frame = Generator<unknown, unknown, unknown>;

export class Threads {
  /** Threads, and flushers of their store buffers: the flusher of thread `t` is number `count + t`. */
  readonly all: number;
  /** What each thread waits to do, and each flusher. */
  readonly ops: OpTable;
  readonly results: unknown[];
  readonly finished: Uint8Array;
  /** The threads that are not finished, as bits. */
  unfinished = 0;
  /** Kind that a weakened read-modify-write stores with after its load, or -1. */
  readonly storeKind: Int32Array;
  /** 1: the operation's result is `fixedLo`, `fixedHi` whatever is executed. */
  readonly fixed: Uint8Array;
  readonly fixedLo: Uint32Array;
  readonly fixedHi: Uint32Array;
  onLocal: OnLocal | null = null;
  private readonly stacks: Frame[][] = [];
  private readonly depth: Int32Array;
  private readonly sites: Int32Array;
  private readonly cpu: Int32Array;
  private skipped: unknown;

  /** `firstTask`: number of the task that thread 0 is; 0 for set-up, 1 for the threads of a scenario. */
  constructor(
    readonly count: number,
    readonly firstTask: number,
    /** Fences are steps. */
    private readonly buffers: boolean,
  ) {
    this.all = buffers ? 2 * count : count;
    this.ops = new OpTable(this.all);
    this.results = new Array<unknown>(count).fill(undefined);
    this.finished = new Uint8Array(this.all).fill(1);
    this.storeKind = new Int32Array(this.all).fill(NOTHING);
    this.fixed = new Uint8Array(count);
    this.fixedLo = new Uint32Array(count);
    this.fixedHi = new Uint32Array(count);
    this.depth = new Int32Array(count);
    this.sites = new Int32Array(count * MAX_CALLS);
    this.cpu = new Int32Array(count);
    for (let t = 0; t < count; t++) this.stacks.push([]);
  }

  /** Gives thread `t` a fresh task and advances it to its first visible operation; false if it has none. */
  start(t: number, task: Task<unknown>): boolean {
    this.stacks[t][0] = task as Frame;
    this.depth[t] = 0;
    this.sites[t * MAX_CALLS] = 0;
    this.cpu[t] = t;
    this.finished[t] = 0;
    this.unfinished |= 1 << t;
    this.results[t] = undefined;
    this.storeKind[t] = NOTHING;
    return this.advance(t, undefined);
  }

  /** Hands `value` to thread `t` and runs it to its next visible operation; false if it finished. What it throws, throws. */
  advance(t: number, value: unknown): boolean {
    const stack = this.stacks[t];
    const base = t * MAX_CALLS;
    let depth = this.depth[t];
    let frame = stack[depth];
    let given = value;
    current.task = t + this.firstTask;
    current.cpu = this.cpu[t];
    current.site = this.sites[base + depth];
    for (;;) {
      const turn = frame.next(given);
      if (turn.done === true) {
        given = turn.value;
        if (depth === 0) {
          this.finish(t, given);
          return false;
        }
        this.depth[t] = --depth;
        frame = stack[depth];
        current.site = this.sites[base + depth];
        continue;
      }
      this.sites[base + depth] = current.site;
      if (turn.value === operation) {
        if (this.take(t)) {
          this.cpu[t] = current.cpu;
          return true;
        }
        given = this.skipped;
        continue;
      }
      frame = nested(turn.value);
      if (++depth === MAX_CALLS)
        throw new RangeError(`more than ${MAX_CALLS} nested tasks: endless recursion?`);
      this.depth[t] = depth;
      stack[depth] = frame;
      this.sites[base + depth] = 0;
      current.site = 0;
      given = undefined;
    }
  }

  /** The thread does nothing more. */
  halt(t: number): void {
    this.finish(t, undefined);
  }

  /** The flusher of thread `t` has something to write, in its row, or nothing. */
  setFlusher(t: number, busy: boolean): void {
    const bit = 1 << (this.count + t);
    this.finished[this.count + t] = busy ? 0 : 1;
    if (busy) this.unfinished |= bit;
    else this.unfinished &= ~bit;
  }

  /** The thread that runs, -1 outside of all threads. */
  running(): number {
    return current.task - this.firstTask;
  }

  /** Sites of the calls under way in thread `t`, outermost first. */
  callPath(t: number): number[] {
    if (t >= this.count) return [this.ops.site[t]];
    const base = t * MAX_CALLS;
    const path = [...this.sites.subarray(base, base + this.depth[t] + 1)];
    if (current.task === t + this.firstTask) path[path.length - 1] = current.site;
    return path;
  }

  /** A digest of the sites of the calls under way in thread `t`: two paths with the same are taken for one. */
  pathDigest(t: number): number {
    const { sites } = this;
    const base = t * MAX_CALLS;
    let digest = 0;
    for (let k = base + this.depth[t]; k >= base; k--) digest = (Math.imul(digest, 31) + sites[k]) | 0;
    return digest;
  }

  /** The load of a weakened read-modify-write is done: the thread now waits to store. */
  thenStore(t: number, lo: number, hi: number): void {
    const { ops } = this;
    ops.kind[t] = Kind.STORE;
    ops.aLo[t] = lo;
    ops.aHi[t] = hi;
    this.storeKind[t] = NOTHING;
  }

  private finish(t: number, result: unknown): void {
    this.results[t] = result;
    this.finished[t] = 1;
    this.unfinished &= ~(1 << t);
    this.ops.kind[t] = FINISHED;
  }

  /** Copies the record; false if it is no transition of its own, with its result in `skipped`. */
  private take(t: number): boolean {
    const op = operation;
    this.skipped = undefined;
    if (op.kind === Kind.FENCE && (!this.buffers || op.weak === 1 || op.order !== Order.MB)) {
      if (op.weak === 0 && this.onLocal !== null) this.onLocal(t, op.order, op.step);
      return false;
    }
    if (op.weak === 1 && this.vanishes(op.kind)) return false;
    this.ops.take(t, op, current.site);
    this.fixed[t] = 0;
    if (op.weak === 1) this.weaken(t);
    return true;
  }

  /** A weakened lock is never taken; a weakened wait does not wait. */
  private vanishes(kind: number): boolean {
    if (kind === Kind.RETRY) return true;
    if (kind < Kind.MUTEX_LOCK || kind > Kind.SRCU_WAIT) return false;
    if (kind === Kind.MUTEX_TRYLOCK) this.skipped = 1;
    else if (kind === Kind.SRCU_LOCK) this.skipped = 0;
    else if (kind === Kind.SRCU_BEGIN) this.skipped = 0n;
    return true;
  }

  /** cmpxchg becomes a store that reports success, other read-modify-writes a load and a store, orders go. */
  private weaken(t: number): void {
    const { ops } = this;
    const kind = ops.kind[t];
    if (kind <= Kind.ANDNOT || kind === Kind.AWAIT)
      ops.order[t] = kind === Kind.AWAIT ? ops.order[t] : Order.ONCE;
    if (kind === Kind.AWAIT) {
      ops.kind[t] = Kind.LOAD;
      ops.order[t] = Order.ONCE;
    } else if (kind === Kind.CMPXCHG) {
      this.fixed[t] = 1;
      this.fixedLo[t] = ops.aLo[t];
      this.fixedHi[t] = ops.aHi[t];
      ops.kind[t] = Kind.STORE;
      ops.aLo[t] = ops.bLo[t];
      ops.aHi[t] = ops.bHi[t];
    } else if (kind >= Kind.XCHG && kind <= Kind.ANDNOT) {
      this.storeKind[t] = kind;
      ops.kind[t] = Kind.LOAD;
    }
  }
}

function nested(yielded: unknown): Frame {
  if (typeof yielded === 'object' && yielded !== null && 'next' in yielded) return yielded as Frame;
  throw new TypeError(
    `a task yielded ${String(yielded)}, which is neither a visible operation nor a task; write yield* before each task`,
  );
}
