/** Goal: the deep scenarios of these areas, which default runs leave out, are verified all the same. */
import { explore } from '@faultline/explore';
import { expect, test } from 'vitest';
import { ioScenarios } from './io/all.ts';
import { srcuScenarios } from './srcu/all.ts';

const DEEP = [...ioScenarios, ...srcuScenarios].filter(({ deep }) => deep === true);

test.each(DEEP)('$name is verified, with every level real', (scenario) => {
  const { verdict, counts, bounds, findings } = explore(scenario);
  expect(findings).toEqual([]);
  expect(bounds).toEqual([]);
  expect(verdict).toBe('verified');
  expect(counts.blocked).toBe(0);
});
