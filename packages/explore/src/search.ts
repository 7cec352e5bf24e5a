/**
 * The search: one execution after another, depth first. What is explored next is decided by a reduction; this file keeps
 * the execution, its events and its detectors in step. All state is in fields, so a search can stop between executions.
 */
import { Kind } from '@faultline/machine';
import { Access, type Equivalence } from './access.ts';
import { Detector } from './detect/detector.ts';
import { Events } from './events.ts';
import { Nondeterminism } from './nondeterminism.ts';
import type { Run } from './run.ts';
import { MAX_CHOICES, SleepSets } from './sleep-sets.ts';

/** How an execution ended. */
export const Ending = {
  /** Every thread finished. */
  COMPLETE: 0,
  /** Some threads wait for what nobody will do. */
  DEADLOCKED: 1,
  /** All that could go on sleeps: a redundant execution, cut short. */
  BLOCKED: 2,
  /** It reached the bound on steps. */
  TRUNCATED: 3,
  /** A detector reported. */
  STOPPED: 4,
} as const;

/** Chooses what a search visits. */
export interface Reduction {
  /** Chooses a step at node `d`, into `thread` and `choice`; false if every thread that can go on sleeps. */
  pick(d: number): boolean;
  readonly thread: number;
  readonly choice: number;
  /** Event `d` was executed. */
  executed(d: number): void;
  /** The execution ended; events from `fresh` on are new in it. */
  ended(ending: number, fresh: number): void;
  /** All executions through event `d` are visited: chooses another step at node `d`, or forgets the node. */
  another(d: number): boolean;
  /** The chosen step cannot be taken: chooses another one, or forgets the node. Reductions that learn from races have it. */
  drop?(d: number): boolean;
  /** Steps still to be taken at node `d`, the one under way included. */
  open(d: number): number;
}

export interface SearchOptions {
  readonly maxSteps: number;
  readonly equivalence: Equivalence;
  readonly immediateOnly: boolean;
}

export class Search {
  readonly events: Events;
  readonly access: Access;
  readonly detector: Detector;
  readonly sleep: SleepSets;
  /** Steps executed, those of replayed prefixes included. */
  steps = 0;
  maxDepth = 0;
  /** The event that ended in a finding; those after it happened unwatched. */
  flawAt = Number.POSITIVE_INFINITY;
  /** A finding ended an execution: plans made from what followed it may turn out to be impossible. */
  flawed = false;
  private exhausted = false;
  /** Branches of each node that are done. */
  private readonly taken: Int32Array;
  private begun = false;
  private reduction: Reduction = NO_REDUCTION;

  constructor(
    readonly run: Run,
    readonly options: SearchOptions,
    bytes: number,
  ) {
    const threads = run.threads.all;
    this.events = new Events(
      threads,
      run.threads.count,
      options.maxSteps,
      bytes >>> 2,
      options.immediateOnly,
    );
    this.access = new Access(this.events, options.equivalence);
    this.taken = new Int32Array(options.maxSteps + 1);
    this.sleep = new SleepSets(threads, options.maxSteps);
    this.detector = new Detector(run, this.events, bytes);
  }

  /** Searches as `reduction` says, from the start. */
  use(reduction: Reduction): void {
    this.reduction = reduction;
    this.events.truncate(0);
    this.flawAt = Number.POSITIVE_INFINITY;
    this.sleep.clear(0);
    this.exhausted = false;
  }

  /** Runs one execution from the start as `script` picks its steps. */
  once(script: Reduction): number {
    this.use(script);
    return this.finish(0, this.begin());
  }

  /** Runs the next execution to its end and says how it ended; -1 when all have been visited. */
  next(): number {
    if (this.events.depth === 0) {
      if (this.exhausted) return -1;
      this.exhausted = true;
      return this.finish(0, this.begin());
    }
    for (let d = this.backtrack(); d >= 0; d = this.backtrack()) {
      if (this.redo(d)) return this.finish(d, this.step(this.reduction.thread, this.reduction.choice));
    }
    return -1;
  }

  private finish(fresh: number, stopped: boolean): number {
    const { events, detector, reduction } = this;
    const ended = stopped ? Ending.STOPPED : this.extend();
    const ending = detector.finding === null ? ended : Ending.STOPPED;
    detector.rest();
    if (events.depth > this.maxDepth) this.maxDepth = events.depth;
    reduction.ended(ending, fresh);
    return ending;
  }

  /** Threads before their first operations; the first time with the detectors watching. */
  private begin(): boolean {
    const { detector, run } = this;
    if (this.begun) {
      detector.undo(-1);
      run.start();
      detector.watchFrom(0);
      return false;
    }
    this.begun = true;
    detector.watchFrom(-1);
    try {
      run.start();
    } catch (thrown) {
      detector.thrown(thrown);
    }
    detector.mark(-1);
    return detector.finding !== null;
  }

  private extend(): number {
    const { events, reduction, options } = this;
    for (;;) {
      const d = events.depth;
      if (d >= options.maxSteps) return this.anyEnabled() ? Ending.TRUNCATED : this.ended();
      if (!reduction.pick(d)) return this.anyEnabled() ? Ending.BLOCKED : this.ended();
      this.taken[d] = 0;
      if (this.step(reduction.thread, reduction.choice)) return Ending.STOPPED;
    }
  }

  /** Nobody can go on. */
  private ended(): number {
    return this.run.threads.unfinished === 0 ? Ending.COMPLETE : Ending.DEADLOCKED;
  }

  /** Pops events until some node has another step; its depth, or -1. */
  private backtrack(): number {
    const { events, sleep, reduction } = this;
    while (events.depth > 0) {
      const d = events.depth - 1;
      sleep.add(d, events);
      const more = reduction.another(d);
      this.taken[d]++;
      events.truncate(d);
      if (more) return d;
    }
    return -1;
  }

  /** Back at node `d`, ready for the step that the reduction chose; false if there is none that can be taken after all. */
  private redo(d: number): boolean {
    const { detector, reduction, run } = this;
    if (d <= this.flawAt) {
      this.flawAt = Number.POSITIVE_INFINITY;
      detector.undo(d - 1);
      this.replay(d);
      detector.watchFrom(d);
    } else {
      this.replayFlawed(d);
    }
    while (this.flawed && !run.enabled(reduction.thread)) if (reduction.drop?.(d) !== true) return false;
    return true;
  }

  private replay(d: number): void {
    const { run, events } = this;
    const { thread, choice, ops } = events;
    const pending = run.threads.ops;
    run.start();
    for (let i = 0; i < d; i++) {
      const t = thread[i];
      if (pending.kind[t] !== ops.kind[i] || pending.addr[t] !== ops.addr[i]) {
        throw new Nondeterminism(i, t, events.ops, pending);
      }
      run.step(t, choice[i]);
    }
    this.steps += d;
  }

  /** Replays `d` events of which one ended in a finding: that one is watched again, what follows it is not. */
  private replayFlawed(d: number): void {
    const { run, events, detector, flawAt } = this;
    const { thread, choice } = events;
    detector.undo(flawAt - 1);
    this.replay(flawAt);
    detector.watchFrom(flawAt);
    this.watched(flawAt, thread[flawAt], choice[flawAt]);
    run.threads.halt(thread[flawAt]);
    detector.rest();
    for (let i = flawAt; i < d; i++) {
      if (i > flawAt) this.unwatched(i, thread[i], choice[i]);
      detector.mark(i);
    }
    this.steps += d - flawAt;
  }

  /**
   * Takes one new step; true if the execution ends with it, because a detector reported. A reduction that learns from races
   * needs to know what the other threads would have done: for it the execution goes on, unwatched, without the thread that
   * the finding stopped.
   */
  private step(t: number, choice: number): boolean {
    const { run, events, detector } = this;
    const pending = run.threads.ops;
    if (!run.enabled(t)) throw new Error(`internal error: thread ${t} was planned where it has to wait`);
    const i = events.push(t, pending, choice, this.access.next(pending, t, t));
    this.steps++;
    if (this.flawAt < i) this.unwatched(i, t, choice);
    else this.watched(i, t, choice);
    detector.mark(i);
    this.sleep.propagate(i, events);
    this.reduction.executed(i);
    if (detector.finding === null || this.flawAt < i) return false;
    this.flawAt = i;
    this.flawed = true;
    run.threads.halt(t);
    detector.rest();
    return this.reduction.drop === undefined;
  }

  private watched(i: number, t: number, choice: number): void {
    const { run, events, detector } = this;
    if (!detector.step(i)) {
      events.notePosts(i);
      return;
    }
    try {
      this.perform(i, t, choice);
    } catch (thrown) {
      detector.thrown(thrown);
    }
    if (run.threads.finished[t] === 1) detector.threadEnded(t);
  }

  /** Beyond a finding nothing is promised: what is thrown there is a consequence, and ends only its thread. */
  private unwatched(i: number, t: number, choice: number): void {
    try {
      this.perform(i, t, choice);
    } catch {
      this.run.threads.halt(t);
    }
  }

  /** Executes event `i`, and its thread up to its next operation. */
  private perform(i: number, t: number, choice: number): void {
    const { run, events } = this;
    const section = run.threads.ops.kind[t] === Kind.ATOMIC;
    run.execute(t, choice);
    events.resultLo[i] = run.model.result.lo;
    events.resultHi[i] = run.model.result.hi;
    if (!section) events.notePosts(i);
    try {
      run.resume(t);
    } finally {
      if (section) events.notePosts(i);
    }
  }

  /** Number of outcomes that thread `t` may choose from now; 1 for anything but a choice. */
  outcomes(t: number): number {
    const { ops } = this.run.threads;
    if (ops.kind[t] !== Kind.CHOOSE) return 1;
    const n = ops.aLo[t];
    if (n < 1 || n > MAX_CHOICES) {
      throw new RangeError(`choice '${ops.text[t]}' has ${n} outcomes; 1 to ${MAX_CHOICES} are possible`);
    }
    return n;
  }

  /** The thread that went last if it can go on awake, else the first that can; into `pick`, false if there is none. */
  pickAwake(d: number, pick: { thread: number; choice: number }): boolean {
    const { unfinished } = this.run.threads;
    const current = d > 0 ? this.events.thread[d - 1] : 0;
    const own = 1 << current;
    if ((unfinished & own) !== 0 && this.isAwake(d, current, pick)) return true;
    for (let bits = unfinished & ~own; bits !== 0; bits &= bits - 1) {
      if (this.isAwake(d, 31 - Math.clz32(bits & -bits), pick)) return true;
    }
    return false;
  }

  /** Whether thread `t` can go on awake; if so, how is put into `pick`. */
  private isAwake(d: number, t: number, pick: { thread: number; choice: number }): boolean {
    const { run, sleep } = this;
    const chooses = run.threads.ops.kind[t] === Kind.CHOOSE;
    if (((sleep.asleep[d] >>> t) & 1) === 1 && !chooses) return false;
    if (!run.enabled(t)) return false;
    const choice = chooses ? sleep.awake(d, t, this.outcomes(t)) : 0;
    if (choice < 0) return false;
    pick.thread = t;
    pick.choice = choice;
    return true;
  }

  /** Whether anything is left to visit, as far as is known. */
  unfinished(): boolean {
    for (let d = 0; d < this.events.depth; d++) if (this.reduction.open(d) > 1) return true;
    return false;
  }

  /** How much of the search is done, if all branches were alike: 0 to 1. */
  doneFraction(): number {
    let weight = 1;
    let done = 0;
    for (let d = 0; d < this.events.depth; d++) {
      const all = this.taken[d] + this.reduction.open(d);
      done += (weight * this.taken[d]) / all;
      weight /= all;
    }
    return done;
  }

  private anyEnabled(): boolean {
    for (let bits = this.run.threads.unfinished; bits !== 0; bits &= bits - 1) {
      if (this.run.enabled(31 - Math.clz32(bits & -bits))) return true;
    }
    return false;
  }
}

const NO_REDUCTION: Reduction = {
  thread: 0,
  choice: 0,
  pick: () => false,
  executed() {},
  ended() {},
  another: () => false,
  open: () => 0,
};
