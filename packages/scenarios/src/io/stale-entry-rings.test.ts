/** Goal: how far the window of the fast bus is open. Method: all outcomes, with it and without it. */
import { explore } from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';
import { expect, test } from 'vitest';
import { deviceWriteSeenByUserSpace } from './device-write-seen-by-user-space.ts';

/** Where the two writes ended, for those executions whose second write began after the update was over. */
function endsAfterTheUpdate(stepsOff: string[]): string[] {
  const { verdict, finals } = explore(deviceWriteSeenByUserSpace as unknown as AnyScenario, { stepsOff });
  expect(verdict).toBe('verified');
  const results = [...finals.keys()].map(
    (text) => JSON.parse(text).results.vcpu0 as { via: string[]; after: boolean },
  );
  return results.filter(({ after }) => after).map(({ via }) => via.join(' then '));
}

test('a stale entry rings after its address has become RAM, as long as the fast bus is asked first', () => {
  expect(endsAfterTheUpdate([]).sort()).toEqual(['RAM then RAM', 'bus then bus']);
});

test('without the fast bus the generation check closes that window', () => {
  expect(endsAfterTheUpdate(['io.ask_fast_bus_first']).sort()).toEqual(['RAM then RAM', 'bus then RAM']);
});
