import { type LockClass, parseClassName } from './lock-class.ts';

/** How the lock at the tail of an edge is held. A reader blocks writers only. */
export type HeldMode = 'exclusive' | 'shared';

/**
 * How the lock at the head of an edge is wanted. `exclusive` waits for every holder, `read` waits for writers
 * and may queue behind a waiting one, `recursive-read` waits for writers that hold it and for nothing else:
 * SRCU and RCU read sections are recursive readers that nobody holds exclusively.
 * `synchronize` and `wait` are exclusive acquisitions that hold nothing afterwards.
 */
export type WantMode = 'exclusive' | 'read' | 'recursive-read' | 'synchronize' | 'wait';

export interface CallFrame {
  readonly fn: string;
  readonly offset?: number;
  readonly size?: number;
  readonly module?: string;
  readonly source?: string;
  readonly inline?: boolean;
  /** Printed with `?`: an address found on the stack, not proved to be a caller. */
  readonly unsure?: boolean;
}

/** "While `from` was held, `to` was asked for." */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly held: HeldMode;
  readonly want: WantMode;
  /** Innermost first; empty when the source does not tell (a /proc file). */
  readonly path: readonly CallFrame[];
  /** Other locks held at that moment, outermost first; undefined when not known. */
  readonly outer?: readonly string[];
  /** Addresses or ids of the two locks, when known. */
  readonly fromInstance?: string;
  readonly toInstance?: string;
  /** The call that asks: `mutex_lock`, `synchronize_srcu`, `flush_work`. */
  readonly op?: string;
}

/** Classes and edges. Edges with the same ends and modes are kept once: the first one seen. */
export class LockGraph {
  readonly classes = new Map<string, LockClass>();
  private readonly out = new Map<string, Map<string, Edge[]>>();
  private count = 0;

  /** Number of distinct (from, to) pairs. */
  get edgeCount(): number {
    return this.count;
  }

  addClass(name: string, more: Partial<LockClass> = {}): LockClass {
    const known = this.classes.get(name);
    const next = { ...(known ?? parseClassName(name)), ...more };
    this.classes.set(name, next);
    return next;
  }

  addEdge(edge: Edge): void {
    this.addClass(edge.from);
    this.addClass(edge.to);
    let targets = this.out.get(edge.from);
    if (!targets) {
      targets = new Map();
      this.out.set(edge.from, targets);
    }
    const same = targets.get(edge.to);
    if (!same) {
      targets.set(edge.to, [edge]);
      this.count++;
    } else if (!same.some((e) => e.held === edge.held && e.want === edge.want)) {
      same.push(edge);
    }
  }

  /** All edges with these ends, one for each combination of modes. */
  edges(from: string, to: string): readonly Edge[] {
    return this.out.get(from)?.get(to) ?? [];
  }

  hasEdge(from: string, to: string): boolean {
    return this.out.get(from)?.has(to) ?? false;
  }

  *outgoing(from: string): Iterable<Edge> {
    for (const list of this.out.get(from)?.values() ?? []) yield* list;
  }

  successors(from: string): string[] {
    return [...(this.out.get(from)?.keys() ?? [])];
  }

  predecessors(to: string): string[] {
    const found: string[] = [];
    for (const [from, targets] of this.out) if (targets.has(to)) found.push(from);
    return found;
  }

  *allEdges(): Iterable<Edge> {
    for (const targets of this.out.values()) for (const list of targets.values()) yield* list;
  }

  /** Shortest chain of names from one class to another, both included; null when there is none. */
  path(from: string, to: string): string[] | null {
    const parent = new Map<string, string>();
    const queue = [from];
    const seen = new Set(queue);
    for (let i = 0; i < queue.length; i++) {
      const at = queue[i] ?? '';
      for (const next of this.successors(at)) {
        if (seen.has(next) && next !== to) continue;
        parent.set(next, at);
        if (next === to) return unwind(parent, from, to);
        seen.add(next);
        queue.push(next);
      }
    }
    return null;
  }
}

function unwind(parent: Map<string, string>, from: string, to: string): string[] {
  const names = [to];
  let at = parent.get(to);
  while (at !== undefined && at !== from) {
    names.push(at);
    at = parent.get(at);
  }
  names.push(from);
  return names.reverse();
}

/** Edges of `after` that `before` does not have, and the reverse. */
export function diffGraphs(before: LockGraph, after: LockGraph): { added: Edge[]; removed: Edge[] } {
  const missing = (a: LockGraph, b: LockGraph): Edge[] => {
    const found: Edge[] = [];
    const seen = new Set<string>();
    for (const edge of a.allEdges()) {
      const key = `${edge.from}\0${edge.to}`;
      if (!seen.has(key) && !b.hasEdge(edge.from, edge.to)) found.push(edge);
      seen.add(key);
    }
    return found;
  };
  return { added: missing(after, before), removed: missing(before, after) };
}
