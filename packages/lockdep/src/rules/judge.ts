import type { Edge } from '../graph/graph.ts';
import { isSrcuClass } from '../graph/lock-class.ts';
import { isKvmLock, sameLock } from './names.ts';
import { type Rule, type RuleBook, ruleKey } from './rule.ts';

/** What one rule says about one edge. */
export interface Verdict {
  readonly rule: Rule;
  readonly verdict: 'broken' | 'obeyed';
  readonly edge: Edge;
  readonly text: string;
}

/**
 * Every rule that speaks about this edge. `broken` is certain: the edge was seen and the sentence forbids it,
 * which says nothing yet about whether a deadlock can follow.
 */
export function judgeEdge(book: RuleBook, edge: Edge): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const rule of book.rules) {
    const verdict = judge(rule, book, edge);
    if (verdict && !verdicts.some((v) => ruleKey(v.rule) === ruleKey(rule))) verdicts.push(verdict);
  }
  return verdicts.sort((a, b) => Number(b.verdict === 'broken') - Number(a.verdict === 'broken'));
}

/** Locks that some rule allows to have others inside: all others are leaves. */
export function outerLocks(book: RuleBook): string[] {
  const names = new Set<string>();
  for (const rule of book.rules) {
    if (rule.kind === 'order') names.add(rule.outer);
    if (rule.kind === 'requires-held') names.add(rule.held);
    if (rule.kind === 'synchronize' && rule.allowed) names.add(rule.lock);
  }
  return [...names];
}

/** Is this class a leaf by the document? SRCU domains and the kernel's own locks are not what it means. */
export function isLeaf(book: RuleBook, name: string): boolean {
  if (!isKvmLock(name) || isSrcuClass(name)) return false;
  return !outerLocks(book).some((outer) => sameLock(outer, name));
}

/** `locking.rst, line 12`; a rule that no document states is cited by where the code follows it. */
export function cite(rule: Rule): string {
  const { document, line } = rule.source;
  return line === 0 ? document : `${document}, line ${line}`;
}

function judge(rule: Rule, book: RuleBook, edge: Edge): Verdict | null {
  const said = (verdict: 'broken' | 'obeyed', text: string): Verdict => ({ rule, verdict, edge, text });
  switch (rule.kind) {
    case 'order':
      if (sameLock(rule.outer, edge.to) && sameLock(rule.inner, edge.from)) {
        return said('broken', `${edge.to} is taken inside ${edge.from}, but ${rule.says}`);
      }
      if (sameLock(rule.outer, edge.from) && sameLock(rule.inner, edge.to)) {
        return said('obeyed', `${edge.to} inside ${edge.from} is the documented order`);
      }
      return null;
    case 'not-inside':
      if (sameLock(rule.lock, edge.to) && sameLock(rule.section, edge.from) && edge.held === 'shared') {
        return said('broken', `${edge.to} is taken inside a read section of ${edge.from}, but ${rule.says}`);
      }
      return null;
    case 'may-inside':
      if (sameLock(rule.lock, edge.to) && sameLock(rule.section, edge.from)) {
        return said('obeyed', `${edge.to} inside a read section of ${edge.from} is allowed`);
      }
      return null;
    case 'synchronize':
      if (edge.want !== 'synchronize' || !sameLock(rule.lock, edge.from) || !sameLock(rule.domain, edge.to))
        return null;
      return rule.allowed
        ? said('obeyed', `synchronize_srcu(${edge.to}) with ${edge.from} held is the documented way`)
        : said('broken', `synchronize_srcu(${edge.to}) is called with ${edge.from} held, but ${rule.says}`);
    case 'leaf': {
      const leaf = rule.lock === null ? isLeaf(book, edge.from) : sameLock(rule.lock, edge.from);
      if (!leaf || edge.from === edge.to || !isKvmLock(edge.to) || edge.want === 'synchronize') return null;
      return said('broken', `${edge.to} is taken inside ${edge.from}, which the document calls a leaf`);
    }
    case 'requires-held':
      return null;
  }
}
