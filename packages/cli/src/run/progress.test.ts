import { expect, test } from 'vitest';
import { count, describeProgress, duration, progressLine } from './progress.ts';

test('progress says executions, rate, and how long is left once that is known', () => {
  const progress = { scenario: 'io/x', executions: 12400, ms: 2000, estimate: 0 };
  expect(describeProgress(progress)).toBe('io/x: 12,400 executions, 6,200/s');
  expect(describeProgress({ ...progress, estimate: 136_400 })).toBe(
    'io/x: 12,400 executions, 6,200/s, about 20 s left',
  );
});

test('numbers and times are written for people', () => {
  expect([999, 1000, 1234567].map(count)).toEqual(['999', '1,000', '1,234,567']);
  expect([0.42, 12, 180, 9000].map(duration)).toEqual(['0.4 s', '12 s', '3 min', '2.5 h']);
});

test('a short run shows no progress at all', () => {
  const written: string[] = [];
  const stream = { isTTY: true, write: (text: string) => written.push(text) > 0 };
  const line = progressLine(stream as unknown as NodeJS.WriteStream);
  line.show({ scenario: 'io/x', executions: 1, ms: 1, estimate: 0 });
  line.clear();
  expect(written).toEqual([]);
});
