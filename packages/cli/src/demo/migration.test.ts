import { expect, test } from 'vitest';
import { differences, type MigrationResults, migrationText, progressOf } from './migration.ts';

const guest = { before: 900, after: 100, broken: null };
const moved: MigrationResults = {
  migration: {
    rounds: [
      [256, 2000],
      [40, 500],
    ],
    last: [3, 120],
    differ: [],
  },
  vcpu0: guest,
  vcpu1: guest,
};

test('a migration is told round by round, with what was copied while the guest stood still', () => {
  expect(migrationText(moved)).toBe(
    [
      '  round 0     256 pages    2.00 ms',
      '  round 1      40 pages    0.50 ms',
      '  stopped       3 pages    0.12 ms',
      '299 pages copied for a guest of 256, 114,122 pages/s; it stood still for 0.12 ms',
      'the guest wrote 1,800 times on the source, 200 times on the destination',
      '',
    ].join('\n'),
  );
  expect(differences(moved)).toEqual([]);
});

test('what did not arrive is told by page and by write', () => {
  const broken = { page: 7, found: 11, wrote: 13 };
  const lost = { ...moved, migration: { ...moved.migration, differ: [7, 9] }, vcpu1: { ...guest, broken } };
  expect(differences(lost)).toEqual([
    'page 7, page 9: the destination does not hold what the source held',
    'page 7: vcpu1 finds its write 11 there; it had written 13',
  ]);
});

test('the progress line gives the rate since the line before, and starts over with each migration', () => {
  let ms = 0;
  const text = progressOf(() => ms);
  ms = 100;
  expect(text(0, [2, 300, 44, 10, 11])).toBe(
    'migration 1: round 2, 300 pages copied, 44 in the last round, 3,000 pages/s; the guest has run 21 programs',
  );
  ms = 200;
  expect(text(0, [3, 320, 20, 12, 12])).toContain(' 200 pages/s');
  ms = 300;
  expect(text(1, [1, 256, 256, 2, 2])).toContain(
    'migration 2: round 1, 256 pages copied, 256 in the last round, 2,560 pages/s',
  );
});
