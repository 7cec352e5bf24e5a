import { cell32, struct, type Task } from '@faultline/machine';
import { expect, test } from 'vitest';
import { freshArena, NeverEnds, runAlone } from './run-alone.ts';

const Box = struct('box', { value: cell32 });

test('a task of one thread that goes round in circles is stopped', () => {
  freshArena();
  const box = Box.alloc();
  function* waits(): Task {
    while ((yield* box.value.readOnce()) === 0) {
      // Nobody else runs, so nobody ever writes.
    }
  }
  expect(() => runAlone(waits())).toThrow(NeverEnds);
  box.value.poke(1);
  expect(runAlone(waits())).toBeUndefined();
});
