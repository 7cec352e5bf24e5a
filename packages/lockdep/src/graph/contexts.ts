import { type Cycle, closeCycle } from './cycles.ts';
import type { Edge, LockGraph } from './graph.ts';
import type { ContextUse, LockClass, Usage } from './lock-class.ts';

/**
 * Cycles that close through an interrupt: it arrives on a CPU that holds a lock with that interrupt enabled, and
 * wants a lock of a class that is used in such interrupts. The interrupt is an edge like any other, marked
 * `op: 'interrupt'`. Needs usage bits on the classes (see `withUse`).
 */
export function findInterruptCycles(graph: LockGraph, maxCycles = 1000): { cycles: Cycle[]; cut: boolean } {
  const found = new Map<string, Cycle>();
  for (const edge of interruptEdges(graph)) {
    if (found.size >= maxCycles) return { cycles: [...found.values()], cut: true };
    const cycle = closeCycle(graph, edge);
    if (cycle) found.set(cycle.names.join('\0'), cycle);
  }
  return { cycles: [...found.values()], cut: false };
}

/** A usage with one more use seen; starts from nothing. */
export function withUse(usage: Usage | undefined, use: ContextUse): Usage {
  const same = (u: ContextUse) => u.context === use.context && u.read === use.read;
  const old = usage?.uses.find(same);
  const merged: ContextUse = {
    ...use,
    usedIn: use.usedIn || (old?.usedIn ?? false),
    usedEnabled: use.usedEnabled || (old?.usedEnabled ?? false),
  };
  const uses = [...(usage?.uses ?? []).filter((u) => !same(u)), merged];
  return { uses, chars: charsOf(uses) };
}

/**
 * Does taking `wanted` here wait longer than the context allows (lockdep's "Invalid wait context")?
 * @param context what the context itself allows: 2 in hard interrupts, 3 or 4 where sleeping is allowed
 * @returns the lock, or null for the context, that forbids it; undefined when all is well or not known
 */
export function waitViolation(
  held: readonly LockClass[],
  context: number,
  wanted: LockClass,
): LockClass | null | undefined {
  const asks = wanted.wait?.outer || wanted.wait?.inner;
  if (!asks) return undefined;
  for (const lock of held) {
    const inner = lock.wait?.inner;
    if (inner && asks > inner) return lock;
  }
  return asks > context ? null : undefined;
}

function* interruptEdges(graph: LockGraph): Iterable<Edge> {
  for (const context of ['hardirq', 'softirq'] as const) {
    const all = [...graph.classes.values()];
    const used = (key: 'usedIn' | 'usedEnabled') =>
      all.flatMap((c) =>
        (c.usage?.uses ?? [])
          .filter((u) => u.context === context && u[key])
          .map((u) => ({ name: c.name, read: u.read })),
      );
    for (const unsafe of used('usedEnabled')) {
      for (const safe of used('usedIn')) {
        yield {
          from: unsafe.name,
          to: safe.name,
          held: unsafe.read ? 'shared' : 'exclusive',
          want: safe.read ? 'recursive-read' : 'exclusive',
          path: [],
          op: 'interrupt',
        };
      }
    }
  }
}

function charsOf(uses: readonly ContextUse[]): string {
  const char = (context: ContextUse['context'], read: boolean): string => {
    const u = uses.find((x) => x.context === context && x.read === read);
    if (!u) return '.';
    if (u.usedIn) return u.usedEnabled ? '?' : '-';
    return u.usedEnabled ? '+' : '.';
  };
  return char('hardirq', false) + char('hardirq', true) + char('softirq', false) + char('softirq', true);
}
