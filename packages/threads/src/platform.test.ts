import { expect, test } from 'vitest';
import * as explored from '../../machine/src/platform.ts';
import * as threads from './platform.ts';

test('both platforms export the same names', () => {
  expect(Object.keys(threads).sort()).toEqual(Object.keys(explored).sort());
});

test('both platforms have the same types', () => {
  // An assignment that tsc checks: each function takes what the other takes and gives what it gives.
  const asExplored: Omit<typeof explored, 'EXPLORED'> = threads;
  const asThreads: Omit<typeof threads, 'EXPLORED'> = explored;
  expect([asExplored, asThreads]).toHaveLength(2);
  expect([explored.EXPLORED, threads.EXPLORED]).toEqual([true, false]);
});
