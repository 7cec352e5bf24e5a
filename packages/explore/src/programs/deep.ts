/** Long executions deep in calls: what a real call chain costs the driver, beside programs that are a few steps long. */
import type { AnyScenario, Task } from '@faultline/machine';
import { program, type SharedState } from './program.ts';

const CALLS = 10;
const ROUNDS = 20;

/**
 * Two threads of 42 steps each, every step ten calls deep. Most steps are private; at a few the threads meet, in a lock and
 * in a counter.
 */
export function deepCalls(): AnyScenario {
  const worker = (id: number) =>
    function* (s: SharedState): Task {
      for (let round = 0; round < ROUNDS; round++) yield* down(s, CALLS, id, round);
    };
  return program('deep-calls', [worker(0), worker(1)], { finalWords: 1, maxSteps: 200 });
}

/** Each level only calls the next one. */
function* down(s: SharedState, calls: number, id: number, round: number): Task {
  if (calls > 1) {
    yield* down(s, calls - 1, id, round);
    return;
  }
  const own = s.word(10 + id);
  if (round % 7 === 3) {
    yield* s.lock(0).lock();
    yield* s.word(0).writeOnce((yield* s.word(0).readOnce()) + 1);
    yield* s.lock(0).unlock();
  } else if (round % 7 === 5) {
    yield* s.word(1).fetchAdd(1);
  } else {
    yield* own.writeOnce((yield* own.readOnce()) + 1);
  }
}
