/**
 * One text for all interleavings of a Mazurkiewicz trace, computed from the events' footprints alone, pair by pair: how
 * the naive mode counts what the others visit once. Deliberately shares nothing with `happens-before.ts`.
 */
import type { Events } from './events.ts';
import { conflicts } from './footprint.ts';

export function canonicalTrace(events: Events): string {
  const { depth, threads, thread, foot, choice } = events;
  const clocks: number[][] = [];
  const latest: number[][] = Array.from({ length: threads }, () => new Array<number>(threads).fill(0));
  const sequences: string[][] = Array.from({ length: threads }, () => []);
  for (let i = 0; i < depth; i++) {
    const t = thread[i];
    const clock = [...latest[t]];
    for (let k = 0; k < i; k++) {
      if (thread[k] === t || !conflicts(foot[k], foot[i])) continue;
      for (let q = 0; q < threads; q++) clock[q] = Math.max(clock[q], clocks[k][q]);
    }
    clock[t]++;
    clocks.push(clock);
    latest[t] = clock;
    sequences[t].push(`${clock.join('.')}:${choice[i]}`);
  }
  return sequences.map((s) => s.join(' ')).join('|');
}
