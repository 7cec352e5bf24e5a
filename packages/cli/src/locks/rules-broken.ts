/** The rules of locks, held against every lock that one exploration saw asked for. */
import { cite, judgeUse, kvmRules, type RuleBook, ruleKey, type UseVerdict } from '@faultline/lockdep';
import type { AnyScenario } from '@faultline/machine';
import type { FoundFinding, LockRow } from '../run/job.ts';
import { usesOf } from './observed.ts';

/** Kind of these findings. */
export const LOCK_RULE = 'lock rule';

/** Each rule that is broken, once: with what broke it, and the calls that led there. */
export function brokenRules(rows: readonly LockRow[], scenario: AnyScenario): UseVerdict[] {
  const found = new Map<string, UseVerdict>();
  const excused = new Set(scenario.ordersOfOtherKernels ?? []);
  for (const use of usesOf(rows)) {
    if (use.want === 'wait') continue;
    for (const verdict of judgeUse(book(), use)) {
      const key = ruleKey(verdict.rule);
      if (verdict.verdict === 'broken' && !excused.has(key) && !found.has(key)) found.set(key, verdict);
    }
  }
  return [...found.values()];
}

export function ruleFinding({ rule, text, path, use }: UseVerdict): FoundFinding {
  return {
    kind: LOCK_RULE,
    name: ruleKey(rule),
    says: [`${text} (${cite(rule)})`, ...path.map((fn) => `  ${fn}`), `  ${use.op}(&${use.lock})`].join('\n'),
    executions: 0,
    diagram: '',
    trace: '',
    token: '',
    contents: '',
    switches: 0,
    effort: '',
    arenaHash: '',
  };
}

/** Read when first asked for. */
function book(): RuleBook {
  cached ??= kvmRules();
  return cached;
}

let cached: RuleBook | null = null;
