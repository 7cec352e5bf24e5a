/** Goal: the verdicts of the litmus tests that everybody knows, from the explorer and from the brute-force machine. */
import { expect, test } from 'vitest';
import type { Outcome } from '../programs/litmus.ts';
import { bruteForce } from './brute-force.ts';
import { exploreLitmus } from './outcomes.ts';
import { type Known, LITMUS } from './tests.ts';

function shows(outcomes: Iterable<string>, asks: Outcome): boolean {
  return [...outcomes].some((text) =>
    Object.entries(asks).every(([name, value]) => ` ${text}`.includes(` ${name}=${value};`)),
  );
}

const verdict = (outcomes: Iterable<string>, { asks }: Known) =>
  shows(outcomes, asks) ? 'allowed' : 'forbidden';

test.each(LITMUS.map((one) => [one.test.name, one] as const))('%s', (_, one) => {
  for (const model of ['sc', 'tso'] as const) {
    const expected = bruteForce(one.test, model);
    expect(verdict(expected, one), `the machine, ${model}`).toBe(one[model]);
    for (const mode of ['naive', 'sleep', 'source', 'optimal'] as const) {
      const { outcomes, blocked } = exploreLitmus(one.test, model, mode);
      expect([...outcomes.keys()].sort(), `${model} ${mode}`).toEqual([...expected].sort());
      if (mode === 'optimal') expect(blocked).toBe(0);
    }
  }
});

test('a machine that forgets a part of the model gets a verdict wrong', () => {
  for (const mistake of ['noForwarding', 'noDraining', 'anyOrder'] as const) {
    const wrong = LITMUS.filter(
      (one) => verdict(bruteForce(one.test, 'tso', { [mistake]: true }), one) !== one.tso,
    );
    expect(wrong.length, mistake).toBeGreaterThan(0);
  }
});
