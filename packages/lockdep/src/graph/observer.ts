import type { CallFrame, HeldMode, LockGraph, WantMode } from './graph.ts';

/** One request for a lock by a task, as a running system or a diagram shows it. */
export interface Acquisition {
  readonly task: string;
  readonly lock: string;
  readonly want: WantMode;
  readonly op?: string;
  readonly instance?: string;
  readonly path?: readonly CallFrame[];
}

interface Held {
  readonly lock: string;
  readonly mode: HeldMode;
  readonly instance?: string;
}

/**
 * Watches tasks take and release locks and fills a graph with what it saw: an edge from every lock a task holds
 * to the one it asks for, with the rest of its stack as outer locks. `synchronize` and `wait` ask and hold nothing.
 */
export class LockObserver {
  private readonly stacks = new Map<string, Held[]>();
  readonly graph: LockGraph;

  constructor(graph: LockGraph) {
    this.graph = graph;
  }

  acquire(a: Acquisition): void {
    const stack = this.stack(a.task);
    this.graph.addClass(a.lock);
    for (const held of stack) {
      this.graph.addEdge({
        from: held.lock,
        to: a.lock,
        held: held.mode,
        want: a.want,
        path: a.path ?? [],
        outer: stack.filter((h) => h !== held).map((h) => h.lock),
        ...(a.op === undefined ? {} : { op: a.op }),
        ...(held.instance === undefined ? {} : { fromInstance: held.instance }),
        ...(a.instance === undefined ? {} : { toInstance: a.instance }),
      });
    }
    if (a.want === 'synchronize' || a.want === 'wait') return;
    const mode: HeldMode = a.want === 'exclusive' ? 'exclusive' : 'shared';
    stack.push({ lock: a.lock, mode, ...(a.instance === undefined ? {} : { instance: a.instance }) });
  }

  /** Releases the innermost hold of that lock; false when the task does not hold it (a bad unlock). */
  release(task: string, lock: string): boolean {
    const stack = this.stack(task);
    for (let i = stack.length - 1; i >= 0; i--) {
      if (stack[i]?.lock !== lock) continue;
      stack.splice(i, 1);
      return true;
    }
    return false;
  }

  /** Outermost first. */
  held(task: string): readonly string[] {
    return this.stack(task).map((h) => h.lock);
  }

  private stack(task: string): Held[] {
    let stack = this.stacks.get(task);
    if (!stack) {
      stack = [];
      this.stacks.set(task, stack);
    }
    return stack;
  }
}
