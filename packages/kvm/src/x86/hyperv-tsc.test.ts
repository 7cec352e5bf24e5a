import { expect, test } from 'vitest';
import { nextSequence } from './hyperv-tsc.ts';

test('a page never gets a sequence number that means something else', () => {
  for (const sequence of [0, 1, 2, 0xffff_fffd, 0xffff_fffe, 0xffff_ffff]) {
    const next = nextSequence(sequence);
    expect([0, 0xffff_ffff]).not.toContain(next);
    expect(next).not.toBe(sequence);
  }
  expect(nextSequence(0xffff_fffe)).toBe(1);
  expect(nextSequence(0xffff_ffff)).toBe(1);
});
