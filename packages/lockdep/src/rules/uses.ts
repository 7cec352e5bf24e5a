import type { Edge, HeldMode, WantMode } from '../graph/graph.ts';
import { judgeEdge } from './judge.ts';
import { sameLock } from './names.ts';
import { NOTIFIER, type Rule, type RuleBook, ruleKey } from './rule.ts';

/** One way in which a lock was asked for, with all that was held: more than a graph of edges knows. */
export interface Use {
  readonly lock: string;
  readonly want: WantMode;
  /** `mutex_lock`, `synchronize_srcu` */
  readonly op: string;
  /** Outermost first. */
  readonly held: readonly { readonly lock: string; readonly mode: HeldMode }[];
  /** By a task that has interrupts off, because of this lock or one that is held. */
  readonly irqsOff?: boolean;
  /** Functions that led there, outermost first; each a path that was seen. */
  readonly paths: readonly (readonly string[])[];
}

export interface UseVerdict {
  readonly rule: Rule;
  readonly verdict: 'broken' | 'obeyed';
  readonly use: Use;
  readonly text: string;
  /** The path that shows it. */
  readonly path: readonly string[];
}

/** What every rule says about one use, each rule once: broken if any lock that is held breaks it. */
export function judgeUse(book: RuleBook, use: Use): UseVerdict[] {
  const said = new Map<string, UseVerdict>();
  const say = (rule: Rule, verdict: UseVerdict['verdict'], text: string, path = use.paths[0] ?? []) => {
    const key = ruleKey(rule);
    if (said.get(key)?.verdict !== 'broken') said.set(key, { rule, verdict, use, text, path });
  };
  for (const edge of edgesOf(use)) {
    for (const v of judgeEdge(book, edge)) say(v.rule, v.verdict, v.text);
  }
  for (const rule of book.rules) {
    if (rule.kind === 'requires-held' && sameLock(rule.lock, use.lock)) {
      const holds = use.held.some((h) => sameLock(rule.held, h.lock));
      const text = holds ? 'it is held' : `${use.lock} is taken without it`;
      say(rule, holds ? 'obeyed' : 'broken', `${rule.says}: ${text}`);
    }
    if (rule.kind === 'not-inside' && rule.section === NOTIFIER && sameLock(rule.lock, use.lock)) {
      const path = use.paths.find((p) => p.some(isNotifier));
      if (path !== undefined)
        say(rule, 'broken', `${use.lock} is taken inside a notifier, but ${rule.says}`, path);
    }
  }
  return [...said.values()];
}

/** From each lock that is held to the one that is asked for. */
export function edgesOf(use: Use): Edge[] {
  return use.held
    .filter((h) => h.lock !== use.lock || use.want === 'synchronize')
    .map(({ lock, mode }) => ({
      from: lock,
      to: use.lock,
      held: mode,
      want: use.want,
      op: use.op,
      path: [...(use.paths[0] ?? [])].reverse().map((fn) => ({ fn })),
      outer: use.held.map((h) => h.lock).filter((name) => name !== lock),
    }));
}

/** Is the function a callback of the host's memory manager? */
export function isNotifier(fn: string): boolean {
  return fn.startsWith('kvm_mmu_notifier_');
}
