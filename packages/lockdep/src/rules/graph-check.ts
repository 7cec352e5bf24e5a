import type { Cycle } from '../graph/cycles.ts';
import type { LockGraph } from '../graph/graph.ts';
import { isSrcuClass } from '../graph/lock-class.ts';
import { type Chain, type GracePeriods, gracePeriods, heldPairs, type LockChains } from '../proc/chains.ts';
import { isLeaf } from './judge.ts';
import { isKvmLock, sameLock } from './names.ts';
import { possibleCycles } from './possible.ts';
import type { OrderRule, Rule, RuleBook } from './rule.ts';

/** "This was seen": a direct edge of the graph, or two locks of one chain. */
export interface Seen {
  readonly outer: string;
  readonly inner: string;
  readonly how: 'direct' | 'chain';
  /** The chain that shows it, outermost first. */
  readonly chain?: readonly string[];
}

export interface Contradiction {
  readonly rule: Rule;
  readonly seen: Seen;
}

export interface LeafNesting {
  readonly leaf: string;
  /** Locks of KVM taken inside it. */
  readonly kvm: readonly Seen[];
  /** The kernel's own locks taken inside it (allocation, scheduler, user memory, wait queues). */
  readonly kernel: readonly Seen[];
}

/** A document held against what a kernel was seen to do, in both directions. */
export interface GraphCheck {
  readonly contradictions: readonly Contradiction[];
  readonly leaves: readonly LeafNesting[];
  readonly confirmed: readonly OrderRule[];
  /** Orders that were not seen; `absent` names locks that the graph does not have at all. */
  readonly neverSeen: readonly { readonly rule: OrderRule; readonly absent: readonly string[] }[];
  /** Rules that this input cannot decide, with the reason. */
  readonly undecided: readonly { readonly rule: Rule; readonly why: string }[];
  readonly grace: readonly GracePeriods[];
  /** Deadlocks that the seen and the documented orders allow together: a prediction. */
  readonly possible: readonly Cycle[];
  /** Names of the document that are spelt unlike the class in the graph. */
  readonly misspelt: readonly { readonly line: number; readonly name: string; readonly cls: string }[];
}

/**
 * @param chains null when only /proc/lockdep is at hand: then read sections and "while holding" stay undecided
 */
export function checkGraph(book: RuleBook, graph: LockGraph, chains: LockChains | null): GraphCheck {
  const sight = new Sight(graph, chains);
  const contradictions: Contradiction[] = [];
  const confirmed: OrderRule[] = [];
  const neverSeen: { rule: OrderRule; absent: string[] }[] = [];
  const undecided: { rule: Rule; why: string }[] = [];
  for (const rule of book.rules) {
    switch (rule.kind) {
      case 'order': {
        for (const seen of sight.find(rule.inner, rule.outer)) contradictions.push({ rule, seen });
        if (sight.find(rule.outer, rule.inner).length > 0) confirmed.push(rule);
        else
          neverSeen.push({
            rule,
            absent: [rule.outer, rule.inner].filter((n) => sight.classes(n).length === 0),
          });
        break;
      }
      case 'not-inside':
        if (chains === null || !rule.section.includes('srcu'))
          undecided.push({ rule, why: whyNot(rule.section, chains) });
        else
          for (const seen of sight.insideReaders(rule.section, rule.lock))
            contradictions.push({ rule, seen });
        break;
      case 'requires-held':
        if (chains === null) undecided.push({ rule, why: 'needs /proc/lockdep_chains' });
        else for (const seen of sight.without(rule.lock, rule.held)) contradictions.push({ rule, seen });
        break;
      case 'synchronize':
        if (rule.allowed) break;
        if (chains === null) undecided.push({ rule, why: 'needs /proc/lockdep_chains' });
        else for (const seen of sight.heldAcross(rule.domain, rule.lock)) contradictions.push({ rule, seen });
        break;
      case 'leaf':
      case 'may-inside':
        break;
    }
  }
  const hasLeafRule = book.rules.some((r) => r.kind === 'leaf');
  return {
    contradictions,
    leaves: hasLeafRule ? sight.leaves(book) : [],
    confirmed,
    neverSeen,
    undecided,
    grace: chains ? gracePeriods(chains) : [],
    possible: possibleCycles(book, graph, chains),
    misspelt: misspeltNames(book, graph),
  };
}

function whyNot(section: string, chains: LockChains | null): string {
  return section.includes('srcu') && chains === null
    ? 'needs /proc/lockdep_chains: read sections make no edges'
    : 'neither file says which locks were taken by a notifier';
}

/** What was seen, from both files. */
class Sight {
  private readonly graph: LockGraph;
  private readonly chains: LockChains | null;
  private readonly pairs: Map<string, Chain>;
  private readonly names: readonly string[];

  constructor(graph: LockGraph, chains: LockChains | null) {
    this.graph = graph;
    this.chains = chains;
    this.pairs = chains ? heldPairs(chains) : new Map();
    const names = new Set(graph.classes.keys());
    for (const chain of chains?.chains ?? []) for (const name of chain.locks) names.add(name);
    this.names = [...names];
  }

  classes(name: string): string[] {
    return this.names.filter((n) => sameLock(name, n));
  }

  find(outer: string, inner: string): Seen[] {
    const found: Seen[] = [];
    for (const o of this.classes(outer)) {
      for (const i of this.classes(inner)) {
        const seen = this.pair(o, i);
        if (seen) found.push(seen);
      }
    }
    return found;
  }

  insideReaders(domain: string, lock: string): Seen[] {
    return this.grace(domain).flatMap((g) =>
      g.inside
        .filter((l) => sameLock(lock, l))
        .map((l) => this.pair(g.domain, l) ?? { outer: g.domain, inner: l, how: 'chain' as const }),
    );
  }

  heldAcross(domain: string, lock: string): Seen[] {
    return this.grace(domain).flatMap((g) =>
      g.across
        .filter((l) => sameLock(lock, l))
        .map((l) => ({ outer: l, inner: g.domain, how: 'chain' as const })),
    );
  }

  /** Chains with the lock and, before it, not the one it requires. */
  without(lock: string, held: string): Seen[] {
    for (const chain of this.chains?.chains ?? []) {
      const at = chain.locks.findIndex((l) => sameLock(lock, l));
      if (at < 0 || chain.locks.slice(0, at).some((l) => sameLock(held, l))) continue;
      return [
        {
          outer: chain.locks[at - 1] ?? '(nothing)',
          inner: chain.locks[at] ?? lock,
          how: 'chain',
          chain: chain.locks,
        },
      ];
    }
    return [];
  }

  leaves(book: RuleBook): LeafNesting[] {
    const found: LeafNesting[] = [];
    for (const leaf of this.names) {
      if (!isLeaf(book, leaf)) continue;
      const inner = this.names.filter(
        (n) =>
          n !== leaf && !isSrcuClass(n) && !n.startsWith('&ACCESS_PRIVATE') && !n.startsWith('rcu_read_lock'),
      );
      const seen = inner.map((n) => this.pair(leaf, n)).filter((s) => s !== null);
      const kvm = seen.filter((s) => isKvmLock(s.inner));
      const kernel = seen.filter((s) => !isKvmLock(s.inner) && s.how === 'direct');
      if (seen.length > 0) found.push({ leaf, kvm, kernel });
    }
    return found.sort((a, b) => b.kvm.length - a.kvm.length || (a.leaf < b.leaf ? -1 : 1));
  }

  private grace(domain: string): GracePeriods[] {
    return this.chains ? gracePeriods(this.chains).filter((g) => sameLock(domain, g.domain)) : [];
  }

  private pair(outer: string, inner: string): Seen | null {
    if (this.graph.hasEdge(outer, inner)) return { outer, inner, how: 'direct' };
    const chain = this.pairs.get(`${outer}\0${inner}`);
    return chain ? { outer, inner, how: 'chain', chain: chain.locks } : null;
  }
}

/** A document's path for a lock whose class the graph knows under another path of the same owner. */
function misspeltNames(book: RuleBook, graph: LockGraph): { line: number; name: string; cls: string }[] {
  const found = new Map<string, { line: number; name: string; cls: string }>();
  const flat = (text: string) =>
    text
      .replace(/[&()`\s]/g, '')
      .replace(/_arch::/, '->arch.')
      .replace(/->|::/g, '.');
  for (const rule of book.rules) {
    for (const name of namesOf(rule)) {
      const classes = [...graph.classes.keys()].filter(
        (c) => sameLock(name, c) && flat(c).split('.')[0] === flat(name).split('.')[0],
      );
      if (classes.length === 0 || classes.some((c) => flat(c) === flat(name)) || found.has(name)) continue;
      found.set(name, { line: rule.source.line, name, cls: classes[0] ?? '' });
    }
  }
  return [...found.values()];
}

function namesOf(rule: Rule): string[] {
  switch (rule.kind) {
    case 'order':
      return [rule.outer, rule.inner];
    case 'requires-held':
      return [rule.lock, rule.held];
    case 'leaf':
      return [];
    default:
      return [rule.lock];
  }
}
