/**
 * Delays before visible operations, so that threads meet in more ways than two cores fall into by themselves. Each round
 * draws one plan a thread: stay still, pause long at one or two operations, jitter at many, or sleep once; and, for all
 * threads together, turns to take (see turns.ts).
 */
import { Random } from './random.ts';
import { awaitTurn, beginTurns, endTurns } from './turns.ts';

/** Checked before each visible operation; the only cost while there is no chaos. */
export let chaotic = false;

const random = new Random();
const napWord = new Int32Array(new SharedArrayBuffer(4));
let pauseAt = -1;
let pauseAgainAt = -1;
let pauseSpins = 0;
let napAt = -1;
let jitter = 0;
let operations = 0;
/** Operations of the longest round so far: pauses fall among them. */
let longest = 16;

export function setChaos(on: boolean): void {
  chaotic = on;
}

/** Draws the plan of one thread for one round. */
export function planChaos(seed: number, round: number, task: number): void {
  if (!chaotic) return;
  operations = 0;
  beginTurns(task);
  random.seed(seed, round, task + 0x100);
  pauseAt = pauseAgainAt = napAt = -1;
  jitter = 0;
  pauseSpins = 1 << (3 + random.below(9));
  switch (random.below(8)) {
    case 0:
    case 1:
      return;
    case 2:
    case 3:
    case 4:
      pauseAt = random.below(longest);
      return;
    case 5:
      pauseAt = random.below(longest);
      pauseAgainAt = random.below(longest);
      return;
    case 6:
      jitter = 2 + random.below(6);
      return;
    default:
      if (random.below(4) === 0) napAt = random.below(longest);
      else jitter = 1;
  }
}

/** The round of this thread is over. */
export function endChaos(): void {
  if (!chaotic) return;
  if (operations > longest) longest = operations;
  endTurns(operations);
}

/** The delay, if any, before the operation that is about to happen. */
export function perturb(): void {
  const at = operations++;
  if (at === pauseAt || at === pauseAgainAt) spin(pauseSpins);
  else if (at === napAt) Atomics.wait(napWord, 0, 0, random.below(100) / 100);
  else if (jitter !== 0 && random.below(jitter) === 0) spin(random.below(64));
  awaitTurn();
}

/** Passes the time of `n` atomic loads, 10 to 30 ns each. */
export function spin(n: number): void {
  for (let i = 0; i < n; i++) Atomics.load(napWord, 0);
}
