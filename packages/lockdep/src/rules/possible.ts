import { type Cycle, findCycles } from '../graph/cycles.ts';
import { type Edge, LockGraph } from '../graph/graph.ts';
import { isSrcuClass } from '../graph/lock-class.ts';
import { type GracePeriods, gracePeriods, type LockChains } from '../proc/chains.ts';
import { sameLock } from './names.ts';
import type { RuleBook } from './rule.ts';

/**
 * Deadlocks that become possible when what was seen is put together with what the document allows but the recording
 * never did, and with grace periods (which /proc/lockdep shows as no edge at all). Prediction, not observation.
 */
export function possibleCycles(
  book: RuleBook,
  graph: LockGraph,
  chains: LockChains | null,
): readonly Cycle[] {
  const merged = new LockGraph();
  for (const edge of graph.allEdges()) merged.addEdge(edge);
  for (const edge of documentedEdges(book, graph)) merged.addEdge(edge);
  for (const edge of chains ? gracePeriods(chains).flatMap(graceEdges) : []) merged.addEdge(edge);
  return findCycles(merged).cycles.filter((c) => c.edges.some((e) => e.op !== undefined));
}

/** Where an edge of such a cycle comes from, in a few words. */
export function originOf(edge: Edge): string {
  switch (edge.op) {
    case 'documented':
      return 'documented';
    case 'synchronize_srcu':
      return 'held across synchronize_srcu';
    case 'reader':
      return 'taken inside a read section';
    default:
      return 'seen';
  }
}

/** Orders of the document between classes that the graph has, in the document's direction. */
function documentedEdges(book: RuleBook, graph: LockGraph): Edge[] {
  const names = [...graph.classes.keys()];
  const edges: Edge[] = [];
  for (const rule of book.rules) {
    if (rule.kind !== 'order') continue;
    for (const from of names.filter((n) => sameLock(rule.outer, n))) {
      for (const to of names.filter((n) => sameLock(rule.inner, n))) {
        if (!graph.hasEdge(from, to))
          edges.push({ from, to, held: 'exclusive', want: 'exclusive', path: [], op: 'documented' });
      }
    }
  }
  return edges;
}

function graceEdges(g: GracePeriods): Edge[] {
  const base = { path: [] };
  return [
    ...g.across.map(
      (from): Edge => ({
        ...base,
        from,
        to: g.domain,
        held: 'exclusive',
        want: 'synchronize',
        op: 'synchronize_srcu',
      }),
    ),
    ...g.inside
      .filter((to) => to !== g.domain)
      .map(
        (to): Edge => ({
          ...base,
          from: g.domain,
          to,
          held: 'shared',
          want: isSrcuClass(to) ? 'recursive-read' : 'exclusive',
          op: 'reader',
        }),
      ),
  ];
}
