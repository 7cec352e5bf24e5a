/** What the environment chooses on threads: pseudo-random, or from a script that a test lays down. */
import { Random } from './random.ts';

const random = new Random();
let script: readonly number[] | null = null;
let outcomes: number[] = [];

/** Choices of one thread in one round. */
export function seedChoices(seed: number, round: number, task: number): void {
  script = null;
  random.seed(seed, round, task);
}

/** From here on choices come from `values`, then 0. */
export function scriptChoices(values: readonly number[]): void {
  script = values;
  outcomes = [];
}

export function nextChoice(n: number): number {
  if (script === null) return random.below(n);
  const value = script[outcomes.length] ?? 0;
  outcomes.push(n);
  return value % n;
}

/** How many outcomes each choice since scriptChoices() had. */
export function choicesMade(): readonly number[] {
  return outcomes;
}
