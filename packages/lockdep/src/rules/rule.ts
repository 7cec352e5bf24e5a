/** Where a sentence stands: a file (or a kernel version) and a line of it. */
export interface RuleSource {
  readonly document: string;
  /** 1-based. */
  readonly line: number;
}

interface RuleBase {
  readonly source: RuleSource;
  /** The rule in one short sentence of ours. */
  readonly says: string;
}

/** `outer` is taken first: nobody who holds `inner` may take `outer`. */
export interface OrderRule extends RuleBase {
  readonly kind: 'order';
  readonly outer: string;
  readonly inner: string;
}

/** `lock` cannot be taken without already holding `held`. */
export interface RequiresRule extends RuleBase {
  readonly kind: 'requires-held';
  readonly lock: string;
  readonly held: string;
}

/** No other lock is taken inside; `lock` null means every lock that no other rule makes an outer one. */
export interface LeafRule extends RuleBase {
  readonly kind: 'leaf';
  readonly lock: string | null;
}

/** `lock` is not taken inside `section`: a read section of an SRCU domain, or an MMU notifier. */
export interface NotInsideRule extends RuleBase {
  readonly kind: 'not-inside';
  readonly lock: string;
  readonly section: string;
}

/** `lock` may be held across a grace period of `domain`; `allowed` false when it must be dropped before. */
export interface SyncRule extends RuleBase {
  readonly kind: 'synchronize';
  readonly domain: string;
  readonly lock: string;
  readonly allowed: boolean;
}

/** `lock` may be taken inside a read section of `section`. */
export interface MayInsideRule extends RuleBase {
  readonly kind: 'may-inside';
  readonly lock: string;
  readonly section: string;
}

export type Rule = OrderRule | RequiresRule | LeafRule | NotInsideRule | SyncRule | MayInsideRule;

/** An entry of the document's list of locks. */
export interface LockEntry {
  readonly name: string;
  readonly line: number;
  readonly type?: string;
  readonly arch?: string;
  readonly protects?: string;
  readonly comment?: string;
}

/** A document read as rules. */
export interface RuleBook {
  readonly document: string;
  readonly rules: readonly Rule[];
  readonly entries: readonly LockEntry[];
  /** Sentences that name locks and were not understood as a rule: shown, never dropped. */
  readonly unread: readonly { line: number; text: string }[];
  /** Things wrong with the document by itself. */
  readonly doubts: readonly { line: number; text: string }[];
}

export const NOTIFIER = 'an MMU notifier';

/** Stable text of a rule without its place: what makes two rules of two versions the same. */
export function ruleKey(rule: Rule): string {
  switch (rule.kind) {
    case 'order':
      return `order ${rule.outer} > ${rule.inner}`;
    case 'requires-held':
      return `requires ${rule.lock} < ${rule.held}`;
    case 'leaf':
      return `leaf ${rule.lock ?? '*'}`;
    case 'not-inside':
      return `not-inside ${rule.lock} @ ${rule.section}`;
    case 'may-inside':
      return `may-inside ${rule.lock} @ ${rule.section}`;
    case 'synchronize':
      return `synchronize ${rule.domain} under ${rule.lock} ${rule.allowed}`;
  }
}

/** Rules that only one of two documents has. */
export function diffRules(before: RuleBook, after: RuleBook): { added: Rule[]; removed: Rule[] } {
  const keys = (book: RuleBook) => new Set(book.rules.map(ruleKey));
  const old = keys(before);
  const now = keys(after);
  return {
    added: after.rules.filter((r) => !old.has(ruleKey(r))),
    removed: before.rules.filter((r) => !now.has(ruleKey(r))),
  };
}
