/** The rules of locks, held against a lock that a patch takes and what is held in that function today. */
import { cite, judgeUse, kvmRules, type Use, type WantMode } from '@faultline/lockdep';
import { nameOf } from '../locks/observed.ts';

/** A rule that a new lock would break, in one line. */
export interface Against {
  /** 'mutex_lock(&kvm->lock)' */
  readonly takes: string;
  /** As a survey says it: 'kvm->srcu (section)'. */
  readonly held: string;
  readonly rule: string;
}

/**
 * `locks`: changed lines as '+ mutex_lock(&kvm->lock)'; only new ones are judged. `held`: what is held in the function, from
 * surveys. What the patch itself takes or drops before is not known, so each answer is about today's function.
 */
export function rulesAgainst(locks: readonly string[], held: readonly string[]): Against[] {
  const found = new Map<string, Against>();
  const book = kvmRules();
  for (const line of locks) {
    const use = useOf(line);
    if (use === null) continue;
    const takes = line.replace(/^[+-] /, '');
    for (const one of held) {
      const inside = { lock: nameOf(one.replace(/ \(\w+\)$/, '')), mode: modeOf(one) };
      for (const { verdict, rule } of judgeUse(book, { ...use, held: [inside] })) {
        // That something else is held as well is not said by one lock alone.
        if (verdict !== 'broken' || rule.kind === 'requires-held') continue;
        found.set(`${takes} ${one} ${rule.says}`, { takes, held: one, rule: `${rule.says} (${cite(rule)})` });
      }
    }
  }
  return [...found.values()];
}

const WANTS: readonly (readonly [RegExp, WantMode])[] = [
  [/^synchronize_srcu/, 'synchronize'],
  [/^srcu_read_lock$/, 'recursive-read'],
  [/^(?:read_lock|down_read)/, 'read'],
  [/^(?:mutex_lock|(?:raw_)?spin_lock|write_lock|down_write)/, 'exclusive'],
];

function useOf(line: string): Use | null {
  const [, op = '', argument = ''] = /^\+ (\w+)\s*\(\s*&?([^,)]+)/.exec(line) ?? [];
  const want = WANTS.find(([pattern]) => pattern.test(op))?.[1];
  if (want === undefined || /unlock/.test(op) || argument === '') return null;
  return { lock: nameOf(argument.trim()), want, op, held: [], paths: [[]] };
}

function modeOf(held: string): 'exclusive' | 'shared' {
  return /\((?:section|read)\)$/.test(held) ? 'shared' : 'exclusive';
}
