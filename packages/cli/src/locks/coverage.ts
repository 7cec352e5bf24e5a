/** What the scenarios together exercise: each lock, each rule, and the order of locks over all of them. */
import { type KvmLock, kvmLocks } from '@faultline/kvm/locks';
import {
  type Cycle,
  edgesOf,
  findCycles,
  type IrqProblem,
  irqProblems,
  judgeUse,
  LockGraph,
  type Rule,
  type RuleBook,
  ruleKey,
  type Usages,
  type Use,
  usagesOf,
} from '@faultline/lockdep';
import type { LockRow } from '../run/job.ts';
import { restoredOf, usesOf, waitsOf } from './observed.ts';

/** What one scenario asked for. */
export interface Observed {
  readonly scenario: string;
  readonly rows: readonly LockRow[];
}

export interface LockCoverage {
  readonly lock: KvmLock;
  /** Scenarios that take it. */
  readonly scenarios: readonly string[];
}

export interface RuleCoverage {
  readonly rule: Rule;
  readonly key: string;
  /** Scenarios in which the lock was asked for as the rule says; for a prohibition, those that could have broken it. */
  readonly scenarios: readonly string[];
}

export interface Coverage {
  readonly locks: readonly LockCoverage[];
  readonly rules: readonly RuleCoverage[];
  readonly graph: LockGraph;
  /** Scenarios that show an edge, by 'from -> to'. */
  readonly edges: ReadonlyMap<string, readonly string[]>;
  /** What is awaited with locks held: 'kvm->mn_active_invalidate_count', and which locks. */
  readonly waits: ReadonlyMap<string, readonly string[]>;
  /** How each lock is used in interrupts, and with interrupts on. */
  readonly usages: Usages;
  /** Locks that an interrupt may find held, over all scenarios: there ought to be none. */
  readonly interrupts: readonly IrqProblem[];
  /** Cycles of the joined graph: orders that no one scenario has together. */
  readonly cycles: readonly Cycle[];
}

export function coverageOf(observed: readonly Observed[], book: RuleBook): Coverage {
  const taken = new Map<string, Set<string>>();
  const obeyed = new Map<string, Set<string>>();
  const edges = new Map<string, Set<string>>();
  const waits = new Map<string, Set<string>>();
  const graph = new LockGraph();
  const uses: Use[] = [];
  for (const { scenario, rows } of observed) {
    for (const use of usesOf(rows)) {
      uses.push(use);
      add(taken, use.lock, scenario);
      graph.addClass(use.lock);
      for (const edge of edgesOf(use)) {
        graph.addEdge(edge);
        add(edges, `${edge.from} -> ${edge.to}`, scenario);
      }
      for (const key of exercised(book, use)) add(obeyed, key, scenario);
    }
    uses.push(...restoredOf(rows));
    for (const { lock, held } of waitsOf(rows)) for (const h of held) add(waits, lock, h.lock);
  }
  return {
    locks: kvmLocks.map((lock) => ({ lock, scenarios: listed(taken, lock.name) })),
    rules: book.rules.map((rule) => ({ rule, key: ruleKey(rule), scenarios: listed(obeyed, ruleKey(rule)) })),
    graph,
    edges: lists(edges),
    waits: lists(waits),
    usages: usagesOf(uses),
    interrupts: irqProblems(uses),
    cycles: findCycles(graph).cycles,
  };
}

/** Rules that a use puts to the test. A prohibition is, whenever its lock is asked for at all, or held. */
function exercised(book: RuleBook, use: Use): string[] {
  const obeyed = judgeUse(book, use)
    .filter(({ verdict }) => verdict === 'obeyed')
    .map(({ rule }) => ruleKey(rule));
  const forbidden = book.rules.filter((rule) => {
    if (rule.kind === 'not-inside') return rule.lock === use.lock;
    if (rule.kind === 'leaf') return rule.lock === use.lock;
    return rule.kind === 'synchronize' && !rule.allowed && rule.lock === use.lock;
  });
  return [...obeyed, ...forbidden.map(ruleKey)];
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}

function listed(map: ReadonlyMap<string, Set<string>>, key: string): string[] {
  return [...(map.get(key) ?? [])];
}

function lists(map: ReadonlyMap<string, Set<string>>): Map<string, string[]> {
  return new Map([...map].map(([key, set]) => [key, [...set]]));
}
