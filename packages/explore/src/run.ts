/**
 * The driver: restores memory to what set-up left, starts the threads, and executes one visible operation of one thread
 * at a time. It knows nothing of search; a fixed schedule can drive it as well.
 */
import {
  current,
  decode,
  firstFree,
  formatArena,
  Kind,
  MAX_REGIONS,
  regionsUsed,
  setWatch,
  type Task,
  u8,
  u32,
  useArena,
} from '@faultline/machine';
import { MAX_ARENA_BYTES } from './footprint.ts';
import type { MemoryModel } from './memory-model.ts';
import { modified, modifyValue } from './sc.ts';
import { Threads } from './threads.ts';

/** What a run executes. */
export interface Program {
  readonly threads: readonly (() => Task<unknown>)[];
}

/** Bytes of an explored arena unless a scenario asks for another size. */
export const DEFAULT_ARENA_BYTES = 64 * 1024;
const SETUP_STEPS = 1_000_000;

export class Run {
  readonly threads: Threads;
  /** The arena as set-up left it. */
  readonly snapshot: Uint8Array;
  readonly snapshotWords: Uint32Array;
  /** First address after set-up's region: task regions begin here. */
  readonly setupEnd: number;
  private readonly regionStart: number[];

  /** The arena in use holds what set-up left. */
  constructor(
    readonly program: Program,
    readonly model: MemoryModel,
  ) {
    const count = program.threads.length;
    if (count === 0 || count > MAX_REGIONS) {
      throw new RangeError(`a program has 1 to ${MAX_REGIONS} threads; this one has ${count}`);
    }
    this.threads = new Threads(count, 1, model.hasBuffers);
    const regions = regionsUsed();
    this.regionStart = regions.slice(2).map((r) => r.from);
    this.setupEnd = this.regionStart[0] ?? u8.length;
    this.snapshot = u8.slice(0, regions[1].to);
    this.snapshotWords = new Uint32Array(this.snapshot.buffer, 0, this.snapshot.length >>> 2);
  }

  /** Memory as set-up left it, and every thread before its first visible operation. */
  start(): void {
    this.restore();
    const { program, threads, model } = this;
    if (model.hasBuffers) {
      model.start();
      for (let t = 0; t < threads.count; t++) threads.setFlusher(t, false);
    }
    for (let t = 0; t < threads.count; t++) threads.start(t, program.threads[t]());
  }

  /** Memory as set-up left it. */
  restore(): void {
    const { regionStart, snapshot } = this;
    for (let t = 0; t < regionStart.length; t++) {
      const to = firstFree(t + 1);
      if (to > regionStart[t]) u8.fill(0, regionStart[t], to);
    }
    u8.set(snapshot);
  }

  /** The thread whose region holds `addr`, or -1 for what set-up allocated. */
  ownerOf(addr: number): number {
    let owner = -1;
    while (owner + 1 < this.regionStart.length && addr >= this.regionStart[owner + 1]) owner++;
    return owner;
  }

  wordAt(addr: number): number {
    return u32[addr >>> 2];
  }

  /** Whether thread `t` can go on now. */
  enabled(t: number): boolean {
    return this.threads.finished[t] === 0 && this.model.enabled(this.threads.ops, t);
  }

  /** Does what thread `t` waits to do, without letting it go on. */
  execute(t: number, choice: number): void {
    this.model.execute(this.threads.ops, t, t + 1, choice);
  }

  /** Hands the result over and lets the thread go on to its next visible operation. */
  resume(t: number): void {
    if (this.model.hasBuffers && this.flushed(t)) return;
    resumeThread(this.threads, this.model, t);
  }

  /** One step, as fast as it goes. */
  step(t: number, choice: number): void {
    this.model.execute(this.threads.ops, t, t + 1, choice);
    this.resume(t);
  }

  /** Renews the flusher that the step of `t` was of, or filled the buffer of; true if it was one. */
  private flushed(t: number): boolean {
    const { threads, model } = this;
    const owner = t < threads.count ? t : t - threads.count;
    threads.setFlusher(owner, model.oldest(owner, threads.ops, threads.count + owner));
    return t >= threads.count;
  }
}

function resumeThread(threads: Threads, model: MemoryModel, t: number): void {
  if (threads.storeKind[t] >= 0) storeNext(threads, model, t);
  else threads.advance(t, resultFor(threads, model, t));
}

/** The load of a weakened read-modify-write was done: its store is a step of its own. */
function storeNext(threads: Threads, model: MemoryModel, t: number): void {
  const { ops } = threads;
  const { lo, hi } = model.result;
  modifyValue(threads.storeKind[t], lo, hi, ops.aLo[t], ops.aHi[t], ops.size[t] === 8);
  threads.fixed[t] = 1;
  threads.fixedLo[t] = lo;
  threads.fixedHi[t] = hi;
  threads.thenStore(t, modified.lo, modified.hi);
}

function resultFor(threads: Threads, model: MemoryModel, t: number): unknown {
  const { lo, hi } = model.result;
  const codec = threads.ops.codec[t];
  if (threads.fixed[t] === 1 && codec !== null) {
    return decode(codec, threads.fixedLo[t], threads.fixedHi[t]);
  }
  switch (threads.ops.kind[t]) {
    case Kind.LOAD:
    case Kind.XCHG:
    case Kind.CMPXCHG:
    case Kind.ADD:
    case Kind.AND:
    case Kind.OR:
    case Kind.ANDNOT:
    case Kind.AWAIT:
      return decode(codec!, lo, hi);
    case Kind.MUTEX_TRYLOCK:
    case Kind.SRCU_LOCK:
    case Kind.CHOOSE:
      return lo;
    case Kind.SRCU_BEGIN:
      return (BigInt(hi) << 32n) | BigInt(lo);
    default:
      return undefined;
  }
}

/** Makes a fresh arena for `threads` threads and runs `setup` in it, alone; returns what it returned. */
export function setUp<S>(setup: () => Task<S>, threads: number, bytes: number, model: MemoryModel): S {
  if (bytes > MAX_ARENA_BYTES) {
    throw new RangeError(`an explored arena has at most ${MAX_ARENA_BYTES} bytes; ${bytes} asked for`);
  }
  setWatch(null);
  useArena(new ArrayBuffer(bytes));
  formatArena(threads);
  return alone(setup(), model);
}

/** Runs one task to its end with nobody else around, as task 0. Of each choice it takes the first alternative. */
function alone<T>(task: Task<T>, model: MemoryModel): T {
  const threads = new Threads(1, 0, false);
  let going = threads.start(0, task);
  for (let steps = 0; going; steps++) {
    if (steps === SETUP_STEPS) throw new Error(`set-up did not end within ${SETUP_STEPS} operations`);
    if (!model.enabled(threads.ops, 0)) throw new Error('set-up waits for something that nobody will do');
    model.execute(threads.ops, 0, 0, 0);
    resumeThread(threads, model, 0);
    going = threads.finished[0] === 0;
  }
  current.task = 0;
  return threads.results[0] as T;
}
