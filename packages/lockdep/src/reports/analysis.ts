import { isStrong } from '../graph/cycles.ts';
import type { Edge } from '../graph/graph.ts';
import { isSrcuClass } from '../graph/lock-class.ts';
import { builtInRules } from '../rules/builtin.ts';
import { judgeEdge, type Verdict } from '../rules/judge.ts';
import type { RuleBook } from '../rules/rule.ts';
import { askingOf } from './acquire.ts';
import { closingOf } from './closing.ts';
import type { Report } from './report.ts';
import { reportTitle } from './title.ts';

/**
 * What a report means. Two levels of confidence, never mixed: `broken` lists rules that an observed order breaks
 * (certain); `cycle` is a deadlock that the observed orders allow (possible).
 */
export interface Analysis {
  readonly title: string;
  readonly cycle: readonly Edge[];
  /** Class names of the cycle, starting at the lock that was held. */
  readonly names: readonly string[];
  /** Whether the modes let the cycle close; null when there is no cycle. */
  readonly strong: boolean | null;
  readonly broken: readonly Verdict[];
  readonly obeyed: readonly Verdict[];
  /** Broken by a later text of the document than the one in use, when that one forbids nothing here. */
  readonly later: readonly Verdict[];
  /** Sentences on what must hold for the cycle to close. */
  readonly closing: readonly string[];
  /** The cycle runs through an interrupt on the CPU that holds its last lock. */
  readonly interrupt: boolean;
}

export function analyse(report: Report, book: RuleBook): Analysis {
  const cycle = cycleOf(report);
  const verdicts = cycle.flatMap((edge) => judgeEdge(book, edge));
  const broken = verdicts.filter((v) => v.verdict === 'broken');
  const newest = broken.length > 0 ? [] : cycle.flatMap((edge) => judgeEdge(builtInRules(null), edge));
  return {
    title: reportTitle(report),
    cycle,
    names: cycle.map((e) => e.from),
    strong: cycle.length === 0 ? null : isStrong(cycle),
    broken,
    later: newest.filter((v) => v.verdict === 'broken'),
    obeyed: verdicts.filter((v) => v.verdict === 'obeyed'),
    closing: closingOf(report, cycle),
    interrupt: isInterruptKind(report),
  };
}

function isInterruptKind(r: Report): boolean {
  return r.kind === 'inconsistent-state' || r.kind === 'irq-safe-to-unsafe' || r.kind === 'irq-inversion';
}

/** The whole cycle, each edge with the path that made it, starting at the held lock. */
export function cycleOf(r: Report): Edge[] {
  switch (r.kind) {
    case 'circular':
      return r.chain.length > 0 ? chainCycle(r) : shortCycle(r);
    case 'recursive':
      return selfCycle(r);
    case 'inconsistent-state':
      return selfCycle(r);
    case 'irq-safe-to-unsafe':
    case 'irq-inversion':
      return irqCycle(r);
    default:
      return [];
  }
}

/** `-> #k` was taken with `-> #k-1` held; #0 is the lock wanted now, with the highest number held. */
function chainCycle(r: Report): Edge[] {
  const links = [...r.chain].sort((a, b) => a.index - b.index);
  if (links.length === 1 && r.holding && links[0]?.index === 0) {
    // The trimmed half of a two-lock chain: the other edge is known, its path is not.
    links.push({ index: 1, ref: r.holding, path: [] });
  }
  if (links[0]?.index !== 0 && r.wanted) links.unshift({ index: 0, ref: r.wanted, path: [] });
  const top = links[links.length - 1];
  const bottom = links[0];
  if (!top || !bottom || links.length < 2) return shortCycle(r);
  const edges = [edgeBetween(top.ref.lock.name, bottom.ref.lock.name, bottom.path, r, true)];
  for (let k = 1; k < links.length; k++) {
    const from = links[k - 1];
    const to = links[k];
    if (from && to) edges.push(edgeBetween(from.ref.lock.name, to.ref.lock.name, to.path, r, false));
  }
  return edges;
}

function edgeBetween(from: string, to: string, path: Edge['path'], r: Report, isNew: boolean): Edge {
  const asking = askingOf(to, path);
  const own =
    isNew && r.held[0] ? r.held[0].locks.map((l) => l.lock.name).filter((n) => n !== from) : undefined;
  return {
    from,
    to,
    held: isSrcuClass(from) ? 'shared' : 'exclusive',
    want: asking.want,
    op: asking.op,
    path,
    ...(own ? { outer: own } : {}),
    ...(isNew && r.holding?.instance ? { fromInstance: r.holding.instance } : {}),
    ...(isNew && r.wanted?.instance ? { toInstance: r.wanted.instance } : {}),
  };
}

/** Without a chain: the new edge, closed by what "Chain exists of" or the scenario shows. */
function shortCycle(r: Report): Edge[] {
  if (!r.wanted || !r.holding) return [];
  const names = r.shown.length > 2 ? r.shown : [r.wanted.lock.name, r.holding.lock.name];
  const path = r.stack;
  const edges = [edgeBetween(r.holding.lock.name, r.wanted.lock.name, path, r, true)];
  for (let i = 1; i < names.length; i++)
    edges.push(edgeBetween(names[i - 1] ?? '', names[i] ?? '', [], r, false));
  return edges;
}

function selfCycle(r: Report): Edge[] {
  if (!r.wanted) return [];
  const name = r.wanted.lock.name;
  const from = r.holding?.lock.name ?? name;
  const path = r.stack.length > 0 ? r.stack : r.wanted.at ? [r.wanted.at] : [];
  const first = edgeBetween(from, name, path, r, true);
  return from === name ? [first] : [first, edgeBetween(name, from, [], r, false)];
}

/**
 * An interrupt that takes the safe lock arrives on the CPU that holds the unsafe one: the last edge of the
 * cycle is the interrupt itself.
 */
function irqCycle(r: Report): Edge[] {
  const safe =
    r.safeLock?.lock.name ??
    r.interruptTakes ??
    (r.kind === 'irq-inversion' ? r.wanted?.lock.name : undefined);
  const unsafe = r.unsafeLock?.lock.name ?? r.wanted?.lock.name;
  if (!safe || !unsafe) return shortCycle(r);
  const taken = [safe];
  if (r.holding && r.holding.lock.name !== safe && r.holding.lock.name !== unsafe)
    taken.push(r.holding.lock.name);
  taken.push(unsafe);
  const edges: Edge[] = [];
  for (let i = 1; i < taken.length; i++) {
    const last = i === taken.length - 1;
    edges.push(edgeBetween(taken[i - 1] ?? '', taken[i] ?? '', last ? r.stack : [], r, last));
  }
  const entered = r.paths.find((p) => p.label.endsWith('-safe'))?.frames ?? [];
  edges.push({ ...edgeBetween(unsafe, safe, entered, r, false), op: 'interrupt' });
  return edges;
}
