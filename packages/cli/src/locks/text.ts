/** The catalogue of locks, the rules and what exercises them, as lines of text. */
import {
  cite,
  type LockGraph,
  listOf,
  type Rule,
  type RuleBook,
  type Style,
  toDot,
  usageChars,
  usageWords,
  wrap,
} from '@faultline/lockdep';
import type { Comparison } from './against.ts';
import { type Breaker, isPermission, whyUnexercised } from './broken-by.ts';
import type { Coverage, RuleCoverage } from './coverage.ts';

const KINDS: Readonly<Record<Rule['kind'], string>> = {
  order: 'Orders',
  'requires-held': 'Taken only with another lock held',
  leaf: 'Leaves',
  'not-inside': 'Not inside',
  synchronize: 'Over a grace period',
  'may-inside': 'Allowed inside a read section',
};

export interface Shown {
  readonly coverage: Coverage;
  readonly guards: ReadonlyMap<string, readonly string[]>;
  readonly breakers: readonly Breaker[];
  readonly scenarios: number;
}

export function catalogueText({ coverage, guards, breakers, scenarios }: Shown, style: Style): string[] {
  const out: string[] = [];
  const para = (text: string, indent = '  ') => out.push(...wrap(text, style.width, indent, `${indent}  `));
  out.push(style.strong(`Locks of KVM: ${coverage.locks.length}`));
  for (const { lock, scenarios: by } of coverage.locks) {
    const { name, type, arch, kernels, context, comment, left } = lock;
    out.push(
      '',
      `${style.strong(name)}  ${type}${arch === 'any' ? '' : `, ${arch}`}${kernels ? `, ${kernels}` : ''}`,
    );
    para(`protects ${protects(lock.protects, guards.get(name) ?? [])}`);
    para(comment === undefined ? context : `${context}; ${comment}`);
    const bits = coverage.usages.get(name);
    if (bits !== undefined) para(`use {${usageChars(bits)}}: ${usageWords(bits)}`);
    if (left !== undefined)
      out.push(...wrap(`not modelled: ${left}`, style.width, '  ', '    ').map(style.dim));
    else if (by.length === 0) out.push(style.bad('  no scenario takes it'));
    else para(`taken in ${by.length} of ${scenarios} scenarios: ${listOf(by, 3)}`);
  }
  for (const [kind, title] of Object.entries(KINDS)) {
    const rules = coverage.rules.filter(({ rule }) => rule.kind === kind);
    if (rules.length === 0) continue;
    out.push('', style.strong(title));
    for (const rule of rules) {
      para(`${rule.rule.says} (${cite(rule.rule)})`);
      const said = `${exercisedBy(rule)}${brokenBy(rule, breakers)}`;
      const lines = wrap(said, style.width, '      ', '      ');
      out.push(...(rule.scenarios.length === 0 ? lines.map(style.bad) : lines.map(style.dim)));
    }
  }
  out.push('', style.strong('Values awaited with locks held: edges that lockdep does not see'));
  for (const [value, locks] of coverage.waits) para(`${value} under ${listOf(locks)}`);
  out.push('', style.strong('Locks that an interrupt may find held'));
  if (coverage.interrupts.length === 0) out.push('  none');
  for (const { text } of coverage.interrupts) out.push(style.bad(`  ${text}`));
  for (const { rule, scenario, variant } of breakers.filter((b) => b.rule.startsWith('irq-')))
    out.push(
      ...wrap(`${rule}: ${scenario} --with ${variant}`, style.width, '      ', '      ').map(style.dim),
    );
  out.push('', style.strong('Cycles over all scenarios together'));
  if (coverage.cycles.length === 0) out.push('  none');
  for (const { edges } of coverage.cycles) {
    para(edges.map((e) => `${e.from} -> ${e.op}(${e.to}) in ${firstOf(coverage, e.from, e.to)}`).join('; '));
  }
  return out;
}

export function protects(words: string, fields: readonly string[]): string {
  return fields.length === 0 ? words : `${words}; declared: ${fields.join(', ')}`;
}

/** Which scenarios put a rule to the test. */
export function exercisedBy({ rule, scenarios }: Pick<RuleCoverage, 'rule' | 'scenarios'>): string {
  if (scenarios.length > 0) return `exercised by ${listOf(scenarios, 2)}`;
  const why = whyUnexercised(rule);
  return why === '' ? 'nothing exercises it' : `nothing exercises it: ${why}`;
}

/** What change of the system breaks it. */
export function brokenBy(
  { key, rule }: Pick<RuleCoverage, 'key' | 'rule'>,
  breakers: readonly Breaker[],
): string {
  if (isPermission(rule)) return '; a permission: nothing to break';
  const found = breakers.find(({ rule }) => rule === key);
  return found === undefined ? '' : `; broken by ${found.scenario} --with ${found.variant}`;
}

function firstOf({ edges }: Coverage, from: string, to: string): string {
  return edges.get(`${from} -> ${to}`)?.[0] ?? 'no scenario';
}

export function graphDot(graph: LockGraph, book: RuleBook): string {
  const stated = (from: string, to: string) =>
    book.rules.some((r) => r.kind === 'order' && r.outer === from && r.inner === to);
  const drawn = new Map<string, { from: string; to: string; red: boolean; label: string }>();
  for (const { from, to, op } of graph.allEdges()) {
    const label =
      op === 'synchronize_srcu' || op === 'srcu_read_lock' ? op : stated(from, to) ? 'a rule' : '';
    drawn.set(`${from}\0${to}\0${label}`, { from, to, red: false, label });
  }
  return toDot({ title: "KVM's locks as the scenarios take them", edges: [...drawn.values()] });
}

export function comparisonText(c: Comparison, style: Style): string[] {
  const row = ({ from, to }: { from: string; to: string }, how = '') => `  ${from} -> ${to}${how}`;
  return [
    style.strong(`Agreed: ${c.agreed.length}`),
    ...c.agreed.map((e) => row(e, e.theirs === 'direct' ? '' : ' (in a chain)')),
    '',
    style.strong(`Only ours: ${c.onlyOurs.length}`),
    ...c.onlyOurs.map((e) => row(e)),
    '',
    style.strong(`Only theirs: ${c.onlyTheirs.length}`),
    ...c.onlyTheirs.map((e) => row(e, e.theirs === 'direct' ? '' : ' (in a chain)')),
    '',
    style.strong('Not compared'),
    ...wrap(
      `locks that their graph does not have: ${listOf(c.notTheirs, 40) || 'none'}`,
      style.width,
      '  ',
      '    ',
    ),
    ...wrap(`locks that no scenario takes: ${listOf(c.notOurs, 40) || 'none'}`, style.width, '  ', '    '),
    '',
    ...wrap('docs/fidelity.md explains each difference from Linux 6.1.', style.width).map(style.dim),
  ];
}
