/**
 * Waiting for other workers between rounds. Looks for a while, so that a round starts within a fraction of a microsecond on
 * every core, then sleeps, so that more threads than cores still get on.
 */
const LOOKS = 4000;
const SLEEP_MS = 50;

/** Returns the first value of the word that is not `old`. */
export function awaitChange(words: Int32Array, index: number, old: number): number {
  for (let look = 0; ; look++) {
    const now = Atomics.load(words, index);
    if (now !== old) return now;
    if (look >= LOOKS) Atomics.wait(words, index, old, SLEEP_MS);
  }
}

/** Returns once the word has reached `count`. */
export function awaitCount(words: Int32Array, index: number, count: number): void {
  for (let look = 0; ; look++) {
    const now = Atomics.load(words, index);
    if (now >= count) return;
    if (look >= LOOKS) Atomics.wait(words, index, now, SLEEP_MS);
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
