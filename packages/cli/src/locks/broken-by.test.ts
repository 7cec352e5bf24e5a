/** Goal: what is said to break a rule names a rule and a change that exist; that it does is seen in tools/docs. */
import { kvmRules, ruleKey } from '@faultline/lockdep';
import { mutants, scenarios } from '@faultline/scenarios';
import { expect, test } from 'vitest';
import { breakersOf, isPermission } from './broken-by.ts';

const breakers = breakersOf(mutants);

test('every row names a rule, each rule once', () => {
  const rules = kvmRules().rules.map(ruleKey);
  const keys = breakers.map(({ rule }) => rule);
  // Of interrupts there is one rule for each lock, and for each pair.
  const known = (key: string) => rules.includes(key) || /^irq-(use|order) /.test(key);
  expect(keys.filter((key) => !known(key))).toEqual([]);
  expect(new Set(keys).size).toBe(keys.length);
});

test('every row names a scenario, and a variant that some mutant applies', () => {
  const lost = breakers.filter(
    ({ scenario, variant }) =>
      !scenarios.some((s) => s.name === scenario) || !mutants.some((m) => m.variant === variant),
  );
  expect(lost).toEqual([]);
});

test('every rule has one, except those that say what may be done', () => {
  const keys = new Set(breakers.map(({ rule }) => rule));
  const never = kvmRules().rules.filter((rule) => !isPermission(rule) && !keys.has(ruleKey(rule)));
  expect(never.map(ruleKey)).toEqual([]);
});
