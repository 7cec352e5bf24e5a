/** A scenario of one thread on the threads platform, in the process that asks: for comparisons with the explorer. */
import { type AnyScenario, current, finalStateText } from '@faultline/machine';
import { choicesMade, scriptChoices } from './platform/choices.ts';
import { forgetHeld, refuseLeaks } from './platform/locks.ts';
import { arenaBytes, restore, setUp } from './worker/machine.ts';
import { leaveThread } from './worker/thread.ts';

/** The text of each final state that some choices of the environment lead to. Throws what the thread throws. */
export function finalStatesAlone(scenario: AnyScenario, mostRuns = 1000): Set<string> {
  const machine = setUp(scenario, new SharedArrayBuffer(arenaBytes(scenario)));
  if (machine.names.length !== 1)
    throw new RangeError(`${scenario.name} has ${machine.names.length} threads, not 1`);
  const finals = new Set<string>();
  let script: number[] | null = [];
  for (let runs = 0; script !== null; runs++) {
    if (runs === mostRuns) throw new RangeError(`more than ${mostRuns} ways to choose`);
    restore(machine);
    leaveThread();
    current.task = 1;
    forgetHeld();
    scriptChoices(script);
    const [body] = machine.bodies;
    const results = { [machine.names[0]]: body(machine.state) };
    refuseLeaks();
    script = nextScript(script, choicesMade());
    leaveThread();
    const final = (scenario.final as ((state: unknown) => unknown) | undefined)?.(machine.state);
    finals.add(finalStateText(results, final));
  }
  return finals;
}

/** The next of all ways to choose: `script` was followed, and the choices had so many outcomes each. */
function nextScript(script: readonly number[], outcomes: readonly number[]): number[] | null {
  for (let i = outcomes.length - 1; i >= 0; i--) {
    const chosen = script[i] ?? 0;
    if (chosen + 1 < outcomes[i]) return [...outcomes.slice(0, i).map((_, j) => script[j] ?? 0), chosen + 1];
  }
  return null;
}
