import type { AnyScenario } from '@faultline/machine';
import { expect, test } from 'vitest';
import { UsageError } from './exit.ts';
import { near, scenariosOf, select } from './scenarios.ts';

const named = (name: string, deep = false) =>
  ({ name, deep, setup: () => {}, threads: {}, always: {} }) as unknown as AnyScenario;
const ALL = [named('io/late-device'), named('memslots/stale-mmio-decision'), named('memslots/huge', true)];

test('a module gives the scenarios it exports, alone or in lists, each once', () => {
  const [a, b] = ALL;
  expect(scenariosOf({ a, both: [a, b], mutants: [{ name: 'x/y' }], n: 3, nothing: null })).toEqual([a, b]);
});

test('an area stands for its scenarios, except deep ones, which run only by name', () => {
  expect(select(ALL, ['memslots']).map((s) => s.name)).toEqual(['memslots/stale-mmio-decision']);
  expect(select(ALL, ['memslots/huge']).map((s) => s.name)).toEqual(['memslots/huge']);
  expect(select(ALL, []).length).toBe(2);
});

test('a name that is nothing is refused with the nearest names', () => {
  expect(() => select(ALL, ['memslot'])).toThrow(UsageError);
  expect(() => select(ALL, ['memslot'])).toThrow(/Did you mean 'memslots'/);
  expect(() => select(ALL, ['memslots/stale-mmio-desicion'])).toThrow(/'memslots\/stale-mmio-decision'/);
  expect(() => select(ALL, ['zzzzzz'])).toThrow(/Areas: io memslots/);
});

test('names far from all others get no suggestion', () => {
  expect(near('qqqqqqqq', ['memslots', 'io'])).toEqual([]);
  expect(near('stale-mmio-decision', ['memslots/stale-mmio-decision'])).toEqual([
    'memslots/stale-mmio-decision',
  ]);
});
