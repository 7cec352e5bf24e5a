/**
 * The strongest form of chaos: for the first few stretches of a round threads take turns. The leader draws a list such as
 * "ioctl 12 operations, vcpu0 5, ioctl 3"; a thread whose turn it is not waits before its next visible operation; after the
 * last stretch all run freely. So a thread is held up exactly where another one overtakes it, however few cores there are.
 *
 * A turn never blocks for good: one that waits for a lock or has ended gives its turn away, and a stretch that takes
 * longer than PATIENCE_MS is skipped.
 */
import type { Random } from './random.ts';

const MAX_STRETCHES = 6;
const MAX_TASKS = 9;

/** Words shared by the threads of a run. */
const TURN = 0;
const LENGTH = 1;
const TASK = 2;
const COUNT = TASK + MAX_STRETCHES;
/** 1 while a task waits for something else, or has ended. */
const AWAY = COUNT + MAX_STRETCHES;
/** Visible operations of the task's longest round so far. */
const OPERATIONS = AWAY + MAX_TASKS;
export const TURN_WORDS = OPERATIONS + MAX_TASKS;

const LOOKS = 300;
const PATIENCE_MS = 3;

let words: Int32Array = new Int32Array(TURN_WORDS);
let me = 0;
let stretch = -1;
let left = 0;
let taking = false;

export function shareTurns(shared: Int32Array): void {
  words = shared;
}

/** Draws the stretches of a round, for all threads; none in part of the rounds. Called by the leader between rounds. */
export function planTurns(random: Random, tasks: number): void {
  const stretches = random.below(3) === 0 ? 0 : 1 + random.below(MAX_STRETCHES - 1);
  let task = 1 + random.below(tasks);
  for (let i = 0; i < stretches; i++) {
    const operations = Math.max(8, words[OPERATIONS + task] as number);
    words[TASK + i] = task;
    words[COUNT + i] = 1 + random.below(random.below(3) === 0 ? 8 : operations);
    if (tasks > 1) task = 1 + ((task + random.below(tasks - 1)) % tasks);
  }
  words[LENGTH] = stretches;
  for (let t = 1; t <= tasks; t++) words[AWAY + t] = 0;
  Atomics.store(words, TURN, 0);
}

/** This worker is task `task` in the round that begins. */
export function beginTurns(task: number): void {
  me = task;
  stretch = -1;
  taking = (words[LENGTH] as number) > 0;
}

/** Before a visible operation: returns when this thread may go on. */
export function awaitTurn(): void {
  while (taking) {
    const now = Atomics.load(words, TURN);
    if (now >= (words[LENGTH] as number)) taking = false;
    else if (words[TASK + now] !== me) awaitNext(now);
    else if (mayGoOn(now)) return;
    else pass(now);
  }
}

/** The thread waits for something that only others can bring about, or has ended. */
export function leaveTurns(): void {
  if (!taking) return;
  Atomics.store(words, AWAY + me, 1);
  const now = Atomics.load(words, TURN);
  if (now < (words[LENGTH] as number) && words[TASK + now] === me) pass(now);
}

/** The thread goes on after leaveTurns(). */
export function rejoinTurns(): void {
  if (taking) Atomics.store(words, AWAY + me, 0);
}

/** The round of this thread took so many visible operations. */
export function endTurns(operations: number): void {
  leaveTurns();
  if (operations > (words[OPERATIONS + me] as number)) words[OPERATIONS + me] = operations;
}

function mayGoOn(now: number): boolean {
  if (stretch !== now) {
    stretch = now;
    left = words[COUNT + now] as number;
  }
  return left-- > 0;
}

function awaitNext(now: number): void {
  for (let look = 0; look < LOOKS; look++) if (Atomics.load(words, TURN) !== now) return;
  const away = Atomics.load(words, AWAY + (words[TASK + now] as number)) !== 0;
  if (away || Atomics.wait(words, TURN, now, PATIENCE_MS) === 'timed-out') pass(now);
}

/** Ends stretch `now`, unless somebody else just did. */
function pass(now: number): void {
  if (Atomics.compareExchange(words, TURN, now, now + 1) === now) Atomics.notify(words, TURN);
}
