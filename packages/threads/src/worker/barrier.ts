/**
 * Waiting for other workers between rounds. Looks for a while, so that a round starts within a fraction of a microsecond on
 * every core, then sleeps, so that more threads than cores still get on.
 */
const MOST_LOOKS = 4000;
const LEAST_LOOKS = 60;
const SLEEP_MS = 50;

/** Fewer after each wait that ended asleep: then there are fewer cores than threads, and looking keeps the others off. */
let looks = MOST_LOOKS;

/** Returns the first value of the word that is not `old`. */
export function awaitChange(words: Int32Array, index: number, old: number): number {
  for (let look = 0; ; look++) {
    const now = Atomics.load(words, index);
    if (now !== old) return adapt(look, now);
    if (look >= looks) Atomics.wait(words, index, old, SLEEP_MS);
  }
}

/** Returns once the word has reached `count`. */
export function awaitCount(words: Int32Array, index: number, count: number): void {
  for (let look = 0; ; look++) {
    const now = Atomics.load(words, index);
    if (now >= count) {
      adapt(look, now);
      return;
    }
    if (look >= looks) Atomics.wait(words, index, now, SLEEP_MS);
  }
}

/** Stores and wakes whoever sleeps on the word. */
export function announce(words: Int32Array, index: number, value: number): void {
  Atomics.store(words, index, value);
  Atomics.notify(words, index);
}

export function countUp(words: Int32Array, index: number): void {
  Atomics.add(words, index, 1);
  Atomics.notify(words, index);
}

function adapt(look: number, now: number): number {
  looks = look >= looks ? Math.max(LEAST_LOOKS, looks >> 1) : Math.min(MOST_LOOKS, looks + 20);
  return now;
}
