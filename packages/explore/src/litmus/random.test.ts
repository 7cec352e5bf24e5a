/** Goal: on random programs the explorer finds what trying everything finds, no more and no less, under both models. */
import { expect, test } from 'vitest';
import { bruteForce, type Mistakes } from './brute-force.ts';
import { exploreLitmus } from './outcomes.ts';
import { FLAVORS, type Flavor, randomLitmus } from './random.ts';

/** 5 × 850 = 4,250. */
const PROGRAMS = 850;

/** Programs on which the modes differ from the machine, as text. */
function differences(flavor: Flavor, programs: number, mistakes: Mistakes = {}): string[] {
  const wrong: string[] = [];
  for (let seed = 1; seed <= programs; seed++) {
    const program = randomLitmus(flavor, seed);
    const expected = [...bruteForce(program, 'tso', mistakes)].sort().join('|');
    for (const mode of seed % 4 === 0 ? (['source', 'optimal'] as const) : (['optimal'] as const)) {
      const { outcomes, blocked } = exploreLitmus(program, 'tso', mode);
      const found = [...outcomes.keys()].sort().join('|');
      if (found !== expected || (mode === 'optimal' && blocked > 0))
        wrong.push(`${mode}, ${blocked} blocked: ${JSON.stringify(program)}\n  ${found}\n  ${expected}`);
    }
  }
  return wrong;
}

test.each(FLAVORS)(`${PROGRAMS} random programs of %s show the same outcomes`, (flavor) => {
  expect(differences(flavor, PROGRAMS).slice(0, 3)).toEqual([]);
});

test('a machine that forgets a part of the model differs', () => {
  expect(differences('plain', 60, { noForwarding: true }).length).toBeGreaterThan(0);
  expect(differences('fences', 60, { noDraining: true }).length).toBeGreaterThan(0);
  expect(differences('plain', 60, { anyOrder: true }).length).toBeGreaterThan(0);
});

test('programs of locked operations only have as many traces as under sequential consistency', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const { threads, ...rest } = randomLitmus('locked', seed);
    const only = threads.map((code) =>
      code.filter(({ op }) => op === 'xchg' || op === 'cmpxchg' || op === 'load'),
    );
    const program = { ...rest, threads: only };
    expect(exploreLitmus(program, 'tso').executions).toBe(exploreLitmus(program, 'sc').executions);
  }
});
