import type { Edge, LockGraph } from './graph.ts';

/** A closed chain of edges: the head of each is the tail of the next, the last closes on the first. */
export interface Cycle {
  readonly edges: readonly Edge[];
  /** Class names in order, starting where the cycle starts. */
  readonly names: readonly string[];
}

export interface CycleSearch {
  readonly cycles: readonly Cycle[];
  /** True when a bound was hit: there may be more. */
  readonly cut: boolean;
}

export interface CycleBounds {
  readonly maxCycles?: number;
  readonly maxLength?: number;
}

/**
 * The shortest cycle through each class that can really block. A recursive reader waits only for a lock that is
 * held exclusively, so a chain that arrives as one and leaves as a reader is not a wait (lockdep's "-(*R)-> -(S*)->"):
 * SRCU read sections therefore close a cycle only through synchronize_srcu.
 */
export function findCycles(graph: LockGraph, bounds: CycleBounds = {}): CycleSearch {
  const maxCycles = bounds.maxCycles ?? 1000;
  const maxLength = bounds.maxLength ?? 32;
  const found = new Map<string, Cycle>();
  for (const start of graph.classes.keys()) {
    for (const first of graph.outgoing(start)) {
      if (found.size >= maxCycles) return { cycles: [...found.values()], cut: true };
      const cycle = closeCycle(graph, first, maxLength);
      if (cycle) found.set(cycle.names.join('\0'), cycle);
    }
  }
  return { cycles: [...found.values()], cut: false };
}

/** The shortest cycle that begins with this edge (which need not be in the graph) and can block; null when none. */
export function closeCycle(graph: LockGraph, first: Edge, maxLength = 32): Cycle | null {
  const edges = shortestReturn(graph, first, maxLength);
  return edges ? normalise(edges) : null;
}

/** Can a task that arrived at a class this way be blocked by a task that holds it that way? */
export function blocks(arriving: Edge, leaving: Edge): boolean {
  return !(arriving.want === 'recursive-read' && leaving.held === 'shared');
}

/** Whether a given chain of edges, in order, closes by modes alone. */
export function isStrong(edges: readonly Edge[]): boolean {
  return edges.every((edge, i) => {
    const next = edges[(i + 1) % edges.length];
    return next !== undefined && blocks(edge, next);
  });
}

interface Step {
  readonly edge: Edge;
  readonly parent: Step | null;
  readonly depth: number;
}

function shortestReturn(graph: LockGraph, first: Edge, maxLength: number): Edge[] | null {
  const queue: Step[] = [{ edge: first, parent: null, depth: 1 }];
  const seen = new Set<string>();
  for (let i = 0; i < queue.length; i++) {
    const step = queue[i];
    if (!step) break;
    if (step.edge.to === first.from) {
      if (blocks(step.edge, first)) return collect(step);
      continue;
    }
    const key = `${step.edge.to}\0${step.edge.want === 'recursive-read'}`;
    if (seen.has(key) || step.depth >= maxLength) continue;
    seen.add(key);
    for (const next of graph.outgoing(step.edge.to)) {
      if (blocks(step.edge, next)) queue.push({ edge: next, parent: step, depth: step.depth + 1 });
    }
  }
  return null;
}

function collect(step: Step): Edge[] {
  const edges: Edge[] = [];
  for (let at: Step | null = step; at; at = at.parent) edges.push(at.edge);
  return edges.reverse();
}

function normalise(edges: readonly Edge[]): Cycle {
  let start = 0;
  for (let i = 1; i < edges.length; i++) if ((edges[i]?.from ?? '') < (edges[start]?.from ?? '')) start = i;
  const turned = [...edges.slice(start), ...edges.slice(0, start)];
  return { edges: turned, names: turned.map((e) => e.from) };
}
